"""which words stand next to each other, and how many posts have pictures, for PostgreSQL"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# SQLite's index of words knows their places. PostgreSQL's does not: for "county fair" it hands over every post with both
# words, to be read one by one. This one knows neighbours, by 18 bits of the pair's hash: rare pairs share a place, since
# a list of a hundred posts takes far less room than a hundred lists (184 instead of 679 MB of a million posts). hashtext
# is not in the manual, but a hashed index or partition that pg_upgrade takes along relies on it, too.
_POSTGRES = (
    """CREATE FUNCTION post_fts_pairs(words tsvector) RETURNS integer[]
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT ARRAY(SELECT hashtext(word || ' ' || next_word) & 262143 FROM (
            SELECT lexeme AS word, place, lead(lexeme) OVER following AS next_word, lead(place) OVER following AS next_place
            FROM unnest(words) AS entry (lexeme, places, weights), unnest(places) AS place
            WINDOW following AS (ORDER BY place, lexeme)) AS neighbours
        WHERE next_place = place + 1) $$""",
    "CREATE INDEX post_fts_pairs_gin ON post_fts USING gin (post_fts_pairs(words))",
    "ANALYZE post_fts",
    # It counts no values of a JSON column, supposes that one post in two hundred has none, and reads all to find those.
    "CREATE STATISTICS post_version_media ON (CAST(media AS text)) FROM post_version",
    "ANALYZE post_version",
)
_POSTGRES_BACK = ("DROP STATISTICS post_version_media", "DROP INDEX post_fts_pairs_gin", "DROP FUNCTION post_fts_pairs")


def upgrade() -> None:
    _execute(_POSTGRES)


def downgrade() -> None:
    _execute(_POSTGRES_BACK)


def _execute(statements: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in statements:
            op.execute(sa.text(statement))
