"""Alembic's entry: runs the migrations on the connection that ``models.db`` hands over."""

from alembic import context
from sqlmodel import SQLModel

import models  # noqa: F401 - defines the tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    include_object=lambda obj, name, kind, reflected, compare_to: (
        not (
            kind == "table" and reflected and compare_to is None and str(name).startswith(("procrastinate", "post_fts"))
        )
    ),
)
with context.begin_transaction():
    context.run_migrations()
