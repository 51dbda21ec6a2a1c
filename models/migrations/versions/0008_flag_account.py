"""whose post was flagged, beside the flag: flags are few, and the posts of a state are many"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ACCOUNT = "(SELECT post.account_id FROM post WHERE post.id = {}.post_id)"
_SQLITE = (
    f"""CREATE TRIGGER flag_account AFTER INSERT ON flag BEGIN
        UPDATE flag SET account_id = {_ACCOUNT.format("new")} WHERE id = new.id; END""",
)
_POSTGRES = (
    f"""CREATE FUNCTION flag_account() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.account_id := {_ACCOUNT.format("NEW")};
        RETURN NEW; END $$""",
    "CREATE TRIGGER flag_account BEFORE INSERT ON flag FOR EACH ROW EXECUTE FUNCTION flag_account()",
)
_SQLITE_BACK = ("DROP TRIGGER flag_account",)
_POSTGRES_BACK = ("DROP TRIGGER flag_account ON flag", "DROP FUNCTION flag_account")


def upgrade() -> None:
    op.add_column("flag", sa.Column("account_id", sa.Integer(), nullable=True))
    op.execute(f"UPDATE flag SET account_id = {_ACCOUNT.format('flag')}")
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in _SQLITE_BACK if op.get_bind().dialect.name == "sqlite" else _POSTGRES_BACK:
        op.execute(sa.text(statement))
    op.drop_column("flag", "account_id")
