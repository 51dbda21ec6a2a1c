"""Alembic migrations: numbered files in ``versions``; the last number is the schema this release needs."""
