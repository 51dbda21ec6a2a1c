"""how many posts have pictures, for PostgreSQL to know"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# It counts no values of a JSON column, supposes that one post in two hundred has none, and reads all to find those.
_POSTGRES = ("CREATE STATISTICS post_version_media ON (CAST(media AS text)) FROM post_version", "ANALYZE post_version")


def upgrade() -> None:
    _execute(_POSTGRES)


def downgrade() -> None:
    _execute(("DROP STATISTICS post_version_media",))


def _execute(statements: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in statements:
            op.execute(sa.text(statement))
