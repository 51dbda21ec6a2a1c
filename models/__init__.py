"""Tables. They import nothing of ours."""

# ruff: noqa: E402 - the naming convention must stand before the first table is defined

from sqlmodel import SQLModel

# Constraints need names that are the same on every database, or migrations cannot address them.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

from models.account import Account, Coverage, Health, Role
from models.agency import Agency, Agreement
from models.apitoken import ApiToken
from models.audit import AuditDraw, AuditPost
from models.classifier import ClassifierVersion, Score
from models.drift import DriftReading
from models.evidence import Blob, Capture, Event
from models.flag import Alert, AlertState, Destination, Flag
from models.noise import Digest, Held, Incident, SameWords
from models.post import Authorship, FetchedPost, Media, Post, PostVersion
from models.retraining import Retraining
from models.review import Review, Verdict
from models.savedsearch import SavedSearch
from models.slackperson import SlackPerson, SlackRequest
from models.textlabel import TextLabel
from models.trust import Trust
from models.user import Checkout, Invitation, LoginAttempt, User, UserRole, WebSession

__all__ = [
    "Account",
    "Agency",
    "Agreement",
    "Alert",
    "AlertState",
    "ApiToken",
    "AuditDraw",
    "AuditPost",
    "Authorship",
    "Blob",
    "Capture",
    "Checkout",
    "ClassifierVersion",
    "Coverage",
    "Destination",
    "Digest",
    "DriftReading",
    "Event",
    "FetchedPost",
    "Flag",
    "Health",
    "Held",
    "Incident",
    "Invitation",
    "LoginAttempt",
    "Media",
    "Post",
    "PostVersion",
    "Retraining",
    "Review",
    "Role",
    "SameWords",
    "SavedSearch",
    "Score",
    "SlackPerson",
    "SlackRequest",
    "TextLabel",
    "Trust",
    "User",
    "UserRole",
    "Verdict",
    "WebSession",
]
