"""slack"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slack_person",
        sa.Column("slack_id", AutoString(length=32), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("slack_id", name=op.f("pk_slack_person")),
    )
    op.create_table(
        "slack_request",
        sa.Column("digest", AutoString(length=64), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_slack_request")),
    )
    op.create_index(op.f("ix_slack_request_at"), "slack_request", ["at"], unique=False)
    op.create_table(
        "held",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("flag_id", sa.Integer(), nullable=False),
        sa.Column("channel", AutoString(), nullable=False),
        sa.Column("destination", AutoString(), nullable=False),
        sa.Column("because", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("digest_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["digest_id"], ["alert.id"], name=op.f("fk_held_digest_id_alert")),
        sa.ForeignKeyConstraint(["flag_id"], ["flag.id"], name=op.f("fk_held_flag_id_flag")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held")),
        sa.UniqueConstraint("flag_id", "channel", "destination", name=op.f("uq_held_flag_id_channel_destination")),
    )
    op.create_index("ix_held_waiting", "held", ["channel", "destination", "digest_id"], unique=False)
    op.create_table(
        "same_words",
        sa.Column("flag_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("words_sha256", AutoString(length=64), nullable=False),
        sa.Column("lead_id", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["flag_id"], ["flag.id"], name=op.f("fk_same_words_flag_id_flag")),
        sa.ForeignKeyConstraint(["lead_id"], ["flag.id"], name=op.f("fk_same_words_lead_id_flag")),
        sa.PrimaryKeyConstraint("flag_id", name=op.f("pk_same_words")),
    )
    for column in ("words_sha256", "lead_id", "at"):
        op.create_index(op.f(f"ix_same_words_{column}"), "same_words", [column], unique=False)
    op.create_table(
        "incident",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cause", AutoString(), nullable=False),
        sa.Column("sentence", AutoString(), nullable=False),
        sa.Column("opened_at", UTCDateTime(), nullable=False),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    still_open = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_incident_open", "incident", ["cause"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_table(
        "digest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("period", AutoString(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest")),
        sa.UniqueConstraint("period", name=op.f("uq_digest_period")),
    )
