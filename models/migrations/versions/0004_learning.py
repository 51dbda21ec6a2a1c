"""learning"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("classifier_version", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pinned_at", UTCDateTime(), nullable=True))
    op.create_table(
        "trust",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reviewer", AutoString(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("note", AutoString(), nullable=False),
        sa.Column("set_by", AutoString(), nullable=False),
        sa.Column("set_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trust")),
        sa.UniqueConstraint("reviewer", name=op.f("uq_trust_reviewer")),
    )
    op.create_table(
        "text_label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", AutoString(), nullable=False),
        sa.Column("text_sha256", AutoString(length=64), nullable=False),
        sa.Column("label", sa.Integer(), nullable=False),
        sa.Column("themes", sa.JSON(), nullable=False),
        sa.Column("reason", AutoString(), nullable=False),
        sa.Column("reviewer", AutoString(), nullable=False),
        sa.Column("source", AutoString(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("imported_at", UTCDateTime(), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_label")),
        sa.UniqueConstraint(
            "text_sha256", "reviewer", "source", name=op.f("uq_text_label_text_sha256_reviewer_source")
        ),
    )
    with op.batch_alter_table("text_label", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_text_label_reviewer"), ["reviewer"], unique=False)
    op.create_table(
        "audit_draw",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("drawn_at", UTCDateTime(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("version", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_draw")),
    )
    with op.batch_alter_table("audit_draw", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_draw_drawn_at"), ["drawn_at"], unique=False)
    op.create_table(
        "audit_post",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("draw_id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["draw_id"], ["audit_draw.id"], name=op.f("fk_audit_post_draw_id_audit_draw")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_audit_post_post_id_post")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_post")),
        sa.UniqueConstraint("post_id", name=op.f("uq_audit_post_post_id")),
    )
    with op.batch_alter_table("audit_post", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_post_draw_id"), ["draw_id"], unique=False)
    op.create_table(
        "drift_reading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("version", AutoString(), nullable=False),
        sa.Column("scope", AutoString(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("read_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_reading")),
        sa.UniqueConstraint("week", "version", "scope", name=op.f("uq_drift_reading_week_version_scope")),
    )
    op.create_table(
        "retraining",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lane", AutoString(), nullable=False),
        sa.Column("begun_by", AutoString(), nullable=False),
        sa.Column("begun_at", UTCDateTime(), nullable=False),
        sa.Column("stage", AutoString(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("version", AutoString(), nullable=False),
        sa.Column("promoted", sa.Boolean(), nullable=False),
        sa.Column("sentence", AutoString(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraining")),
    )
    op.create_index(
        "uq_retraining_under_way",
        "retraining",
        ["lane"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
