"""what a post answers"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("post", sa.Column("reply_to", AutoString(), nullable=False, server_default=""))
    op.create_index(
        "ix_post_reply_to",
        "post",
        ["reply_to"],
        sqlite_where=sa.text("reply_to <> ''"),
        postgresql_where=sa.text("reply_to <> ''"),
    )


def downgrade() -> None:
    op.drop_index("ix_post_reply_to", "post")
    op.drop_column("post", "reply_to")
