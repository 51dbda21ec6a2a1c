"""web"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _people()
    _search()


def _people() -> None:
    """Users of the page, their sessions, invitations and failed logins; who reads which post now."""
    role = sa.Enum("viewer", "reviewer", "lead", "admin", name="userrole", native_enum=False, length=32)
    op.create_table(
        "app_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("role", role, nullable=False),
        sa.Column("password_hash", AutoString(), nullable=False),
        sa.Column("slack_id", AutoString(), nullable=False),
        sa.Column("oidc_subject", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("disabled_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("name", name=op.f("uq_app_user_name")),
    )
    op.create_index(op.f("ix_app_user_slack_id"), "app_user", ["slack_id"], unique=False)
    op.create_index(op.f("ix_app_user_oidc_subject"), "app_user", ["oidc_subject"], unique=False)
    op.create_table(
        "web_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", AutoString(length=64), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_web_session_user_id_app_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_web_session_token_sha256")),
    )
    op.create_index(op.f("ix_web_session_user_id"), "web_session", ["user_id"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", AutoString(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_invitation_user_id_app_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_invitation_token_sha256")),
    )
    op.create_table(
        "login_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("address", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempt")),
    )
    op.create_index("ix_login_attempt_name_at", "login_attempt", ["name", "at"], unique=False)
    op.create_index("ix_login_attempt_address", "login_attempt", ["address"], unique=False)
    op.create_table(
        "checkout",
        sa.Column("post_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reviewer", AutoString(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_checkout_post_id_post")),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_checkout")),
    )
    op.create_index(op.f("ix_checkout_until"), "checkout", ["until"], unique=False)


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
