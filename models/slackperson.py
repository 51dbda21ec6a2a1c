"""Who pressed buttons and gave commands in Slack, and what was already answered."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.clock import utcnow


class SlackPerson(SQLModel, table=True):
    """The name that Slack last told of one of its users, so that verdicts can be shown under a name."""

    __tablename__ = "slack_person"

    slack_id: str = Field(primary_key=True, max_length=32)
    name: str = ""
    seen_at: datetime = Field(default_factory=utcnow)


class SlackRequest(SQLModel, table=True):
    """One signed request that was let in: the same again is a replay."""

    __tablename__ = "slack_request"

    digest: str = Field(primary_key=True, max_length=64)
    at: datetime = Field(default_factory=utcnow, index=True)
