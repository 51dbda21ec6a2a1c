"""what the verdicts on a post add up to, beside the post; the few posts that were deleted or edited; words counted"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What all latest verdicts that were not taken back agree on, “unsure” where they differ.
_VERDICT = """(SELECT CASE WHEN count(*) = 0 THEN '' WHEN min(r.verdict) = max(r.verdict) THEN min(r.verdict)
    ELSE 'unsure' END FROM review AS r WHERE r.post_id = post.id AND r.revoked_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM review AS l WHERE l.post_id = r.post_id AND l.reviewer = r.reviewer AND l.id > r.id
        AND l.revoked_at IS NULL))"""
_KEEP = f"UPDATE post SET verdict = {_VERDICT} WHERE id"

_SQLITE = (
    f"CREATE TRIGGER review_insert AFTER INSERT ON review BEGIN {_KEEP} = new.post_id; END",
    f"CREATE TRIGGER review_update AFTER UPDATE ON review BEGIN {_KEEP} IN (old.post_id, new.post_id); END",
    f"CREATE TRIGGER review_delete AFTER DELETE ON review BEGIN {_KEEP} = old.post_id; END",
)
_SQLITE_BACK = tuple(f"DROP TRIGGER review_{when}" for when in ("insert", "update", "delete"))

# Locked first: of two people who decide at the same moment, the second one's update must see both verdicts.
_POSTGRES = (
    f"""CREATE FUNCTION review_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP <> 'INSERT' THEN
            PERFORM 1 FROM post WHERE id = OLD.post_id FOR NO KEY UPDATE;
            {_KEEP} = OLD.post_id;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            PERFORM 1 FROM post WHERE id = NEW.post_id FOR NO KEY UPDATE;
            {_KEEP} = NEW.post_id;
        END IF;
        RETURN NULL; END $$""",
    "CREATE TRIGGER review_keep AFTER INSERT OR UPDATE OR DELETE ON review FOR EACH ROW EXECUTE FUNCTION review_keep()",
    # Of words that are not among the counted ones, PostgreSQL supposes that one post in 500 has them.
    "ALTER TABLE post_fts ALTER COLUMN words SET STATISTICS 500",
    "ANALYZE post_fts",
)
_POSTGRES_BACK = (
    "DROP TRIGGER review_keep ON review",
    "DROP FUNCTION review_keep",
    "ALTER TABLE post_fts ALTER COLUMN words SET STATISTICS -1",
)


def upgrade() -> None:
    op.add_column("post", sa.Column("verdict", AutoString(), nullable=False, server_default=""))
    op.execute(f"{_KEEP} IN (SELECT post_id FROM review)")
    decided = sa.text("verdict <> ''")
    op.create_index("ix_post_verdict", "post", ["verdict", "id"], sqlite_where=decided, postgresql_where=decided)
    for name, rare in (("deleted", "deleted_at IS NOT NULL"), ("edited", "version_count > 1")):
        op.create_index(f"ix_post_{name}", "post", ["id"], sqlite_where=sa.text(rare), postgresql_where=sa.text(rare))
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES:
        op.execute(sa.text(statement))


def downgrade() -> None:
    for statement in _SQLITE_BACK if op.get_bind().dialect.name == "sqlite" else _POSTGRES_BACK:
        op.execute(sa.text(statement))
    for name in ("edited", "deleted", "verdict"):
        op.drop_index(f"ix_post_{name}", "post")
    op.drop_column("post", "verdict")
