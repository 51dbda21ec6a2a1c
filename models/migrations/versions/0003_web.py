"""web"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _search()


def _search() -> None:
    """Full text of each post's current wording under the post's id, kept current by triggers; what pages ask for."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "saved_search",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("owner", AutoString(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("alerts", sa.Boolean(), nullable=False),
        sa.Column("last_post_id", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_search")),
        sa.UniqueConstraint("name", name=op.f("uq_saved_search_name")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_name", AutoString(), nullable=False),
        sa.Column("sha256", AutoString(length=64), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_token_sha256")),
    )
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_token_user_name"), ["user_name"], unique=False)
    op.create_index("ix_post_account_id", "post", ["account_id", "id"], unique=False)
    kept = "VIRTUAL" if sqlite else "STORED"  # SQLite cannot add a stored one, PostgreSQL 15 has no virtual one
    kind = "DATETIME" if sqlite else "TIMESTAMP WITH TIME ZONE"
    op.execute(
        f"ALTER TABLE post ADD COLUMN shown_at {kind} GENERATED ALWAYS AS (coalesce(posted_at, first_seen_at)) {kept}"
    )
    op.create_index("ix_post_shown_at", "post", ["shown_at", "id"], unique=False)
    for statement in _SQLITE if sqlite else _POSTGRES:
        op.execute(sa.text(statement))


def _body(version: str) -> str:
    parts = [f"(SELECT group_concat(value, ' ') FROM json_each(v.{column}))" for column in ("alt_texts", "link_titles")]
    joined = " || ' ' || ".join(["v.title", "v.text", *(f"coalesce({part}, '')" for part in parts)])
    return f"SELECT {joined} FROM post_version AS v WHERE v.id = {version}"


# Contentless: the texts stand in post_version already, and an index of a million posts is big enough as it is.
_SQLITE = (
    "CREATE VIRTUAL TABLE post_fts USING fts5(body, content='', tokenize='unicode61 remove_diacritics 2')",
    f"""CREATE TRIGGER post_fts_insert AFTER INSERT ON post WHEN new.current_version_id IS NOT NULL BEGIN
        INSERT INTO post_fts(rowid, body) SELECT new.id, ({_body("new.current_version_id")}); END""",
    f"""CREATE TRIGGER post_fts_update AFTER UPDATE OF current_version_id ON post
        WHEN old.current_version_id IS NOT new.current_version_id BEGIN
        INSERT INTO post_fts(post_fts, rowid, body)
            SELECT 'delete', old.id, ({_body("old.current_version_id")}) WHERE old.current_version_id IS NOT NULL;
        INSERT INTO post_fts(rowid, body)
            SELECT new.id, ({_body("new.current_version_id")}) WHERE new.current_version_id IS NOT NULL; END""",
    f"""INSERT INTO post_fts(rowid, body)
        SELECT p.id, ({_body("p.current_version_id")}) FROM post AS p WHERE p.current_version_id IS NOT NULL""",
)

# Cut at 200,000 characters: a tsvector holds 1 MB, and a longer text would make the keeping of the post fail.
_POSTGRES = (
    "CREATE TABLE post_fts (post_id integer PRIMARY KEY REFERENCES post (id) ON DELETE CASCADE, words tsvector NOT NULL)",
    r"""CREATE FUNCTION post_fts_words(version integer) RETURNS tsvector LANGUAGE sql STABLE AS $$
        SELECT to_tsvector('simple', regexp_replace(translate(left(
            v.title || ' ' || v.text
            || ' ' || coalesce((SELECT string_agg(value, ' ') FROM json_array_elements_text(v.alt_texts)), '')
            || ' ' || coalesce((SELECT string_agg(value, ' ') FROM json_array_elements_text(v.link_titles)), ''),
            200000), 'ÁÀÂÉÈÊÍÓÒÔÚÜÑÇáàâéèêíóòôúüñç', 'AAAEEEIOOOUUNCaaaeeeiooouunc'), '[[\:punct\:][\:space\:]]+', ' ', 'g'))
        FROM post_version AS v WHERE v.id = version $$""",
    """CREATE FUNCTION post_fts_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.current_version_id IS NOT NULL THEN
            INSERT INTO post_fts (post_id, words) SELECT NEW.id, post_fts_words(NEW.current_version_id)
            ON CONFLICT (post_id) DO UPDATE SET words = EXCLUDED.words;
        END IF;
        RETURN NULL; END $$""",
    """CREATE TRIGGER post_fts_insert AFTER INSERT ON post FOR EACH ROW EXECUTE FUNCTION post_fts_keep()""",
    """CREATE TRIGGER post_fts_update AFTER UPDATE OF current_version_id ON post FOR EACH ROW
        WHEN (OLD.current_version_id IS DISTINCT FROM NEW.current_version_id) EXECUTE FUNCTION post_fts_keep()""",
    """INSERT INTO post_fts (post_id, words)
        SELECT id, post_fts_words(current_version_id) FROM post WHERE current_version_id IS NOT NULL""",
    "CREATE INDEX post_fts_words_gin ON post_fts USING gin (words)",
)
