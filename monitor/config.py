"""The configuration: a TOML file, overridden by the environment, checked before anything starts.

Every section is a class; a platform's section is its source's class, a channel's section its channel's class. Unknown
keys are refused with the nearest known one. ``SHERIFFWATCH__SLACK__BOT_TOKEN`` overrides ``slack.bot_token``; any key
may be given as ``<key>_file`` to read a secret from a file.
"""

import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from models.account import Role
from monitor.alerts import Channel, channel_classes
from monitor.errors import UsageError
from monitor.http import HttpConfig
from monitor.sources import Source, source_class, source_classes

PREFIX = "SHERIFFWATCH__"
DEFAULT_FILE = Path("config.toml")


class Section(BaseModel):
    """A part of the configuration: refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid")


class DatabaseConfig(Section):
    """``[database]``"""

    url: str = "sqlite:///sheriffwatch.db"


class PollConfig(Section):
    """``[poll]``: how often and how many at a time."""

    interval_s: float = Field(default=900, ge=1)
    """Seconds between two polls of an account."""
    concurrency: int = Field(default=100, ge=1, le=2000)
    per_host: int = Field(default=2, ge=1, le=100)
    """Requests to one host at a time."""
    jitter: float = Field(default=0.1, ge=0, le=0.5)
    """Share of the interval by which a poll may come earlier or later, so that accounts spread out."""
    max_backoff_s: float = Field(default=86_400, ge=1)
    alert_on_backfill: bool = False
    """Whether an account's first poll, which reads its recent past, may alert."""
    deletion_gap_s: float = Field(default=1800, ge=0)
    """Least time between two observations that a post is missing, before it is called deleted."""
    max_versions: int = Field(default=200, ge=1)
    """Wordings kept of one post; further edits are counted, not kept."""


class ClassifierConfig(Section):
    """``[classifier]``"""

    version: str = "active"
    directory: Path = Path("classifiers")
    """Where trained versions are kept."""
    alert_threshold: float | None = Field(default=None, ge=0, le=1)
    queue_threshold: float | None = Field(default=None, ge=0, le=1)


class LearningConfig(Section):
    """``[learning]``: how verdicts become labels, and when a retraining may put a new version on duty."""

    automatic: bool = True
    """Retrain by itself, while ``run`` runs: after ``after_labels`` new labels or ``every_days`` days."""
    after_labels: int = Field(default=50, ge=1)
    every_days: float = Field(default=7, ge=1)
    least_labels: int = Field(default=20, ge=2)
    """Agreed labels below which a retraining is refused."""
    quorum: int = Field(default=2, ge=1)
    """People a side needs where somebody differs or is unsure. Where nobody does, one verdict is enough."""
    label_weight: float = Field(default=3.0, gt=0, le=20)
    """Rows of the corpus that one label weighs as much as."""
    cap_per_reviewer: float = Field(default=300, gt=0)
    """The most labels that one person's are worth in a training."""
    cap_per_account: float = Field(default=100, gt=0)
    """The most labels that those on one account's posts are worth."""
    semantic: bool = False
    """Train new versions with sentence embeddings too (the extra ``[semantic]``): better on what is only implied, and
    several hundred times slower a post."""
    margin: float = Field(default=0.01, ge=0, le=0.2)
    """How much worse a candidate may be in any figure and still go on duty."""
    audit_per_week: int = Field(default=25, ge=0, le=1000)
    """Posts that raised no flag, drawn at random each week for review: they tell how much is missed."""
    drift_band: float = Field(default=0.25, gt=0)
    """Population stability index of the scores of a week from which a health alert is sent."""
    flagged_band: float = Field(default=2.0, gt=1)
    """How many times as much as usual may be flagged, or as little: of all posts, of a platform's, or for a theme."""
    unknown_band: float = Field(default=0.1, gt=0, le=1)
    """Rise of the share of unknown words from which a health alert is sent."""
    agreement_band: float = Field(default=0.15, gt=0, le=1)
    """Fall of the agreement between reviewers and classifier from which a health alert is sent."""


class ReviewConfig(Section):
    """``[review]``: in what order the page offers posts to reviewers, and how it looks after them."""

    top: float = Field(default=0.2, ge=0, le=1)
    """Share of the surest flags in what is offered; what neither this nor ``random`` takes is the least certain."""
    random: float = Field(default=0.1, ge=0, le=1)
    """Share drawn at random: from the audit's sample of unflagged posts while some of it waits, else from all."""
    readers: int = Field(default=1, ge=1, le=5)
    """People who read each flagged post before it leaves the queue."""
    blind: bool = False
    """Hide the score, the telling words and others' verdicts until one has decided."""
    checkout_s: float = Field(default=600, ge=1)
    """How long a post that somebody reads is offered to nobody else, in seconds."""
    blur: bool = True
    """Veil pictures and severe text until asked for."""
    rest_after_min: float = Field(default=45, ge=0)
    """After so many minutes of reading the page suggests a break; 0 never."""


class RouteConfig(Section):
    """``[[alerts.routes]]``: matches that fit all that is given go to all of ``to``."""

    states: list[str] = Field(default_factory=list)
    agencies: list[str] = Field(default_factory=list)
    """Names, as ``account list`` shows them; case and punctuation do not count."""
    agreements: list[str] = Field(default_factory=list)
    """Models of 287(g) agreements in force: ``JEM``, ``TFM``, ``WSO``."""
    themes: list[str] = Field(default_factory=list)
    platforms: list[str] = Field(default_factory=list)
    least_score: float = Field(default=0, ge=0, le=1)
    to: list[str] = Field(min_length=1)
    """Channels, each with a destination if not its own: ``slack``, ``slack:C0123456789``, ``email``."""


class AlertsConfig(Section):
    """``[alerts]``: where matches go, and what keeps a channel from becoming noise."""

    routes: list[RouteConfig] = Field(default_factory=list)
    """A match that fits none goes to every channel that is set up."""
    time_zone: str = "UTC"
    quiet_hours: str = Field(default="", pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")
    """``22:00-07:00``: matches of that time come in one digest after it."""
    per_account_hour: int = Field(default=0, ge=0)
    """Matches of one account that go out one by one in an hour; the rest comes in a digest. 0: no cap."""
    per_channel_hour: int = Field(default=0, ge=0)
    """The same for everything that goes to one place."""
    same_words_days: float = Field(default=7, ge=0, le=90)
    """How long one alert speaks for posts of other accounts with the same words. 0: never."""
    digest: Literal["off", "daily", "weekly"] = "weekly"
    digest_at: str = Field(default="08:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """When, in ``time_zone``; the weekly one on Mondays."""
    digest_to: list[str] = Field(default_factory=list)
    """As a route's ``to``. Empty: every channel that is set up."""
    health_to: list[str] = Field(default_factory=list)
    """The same for what a person must mend."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("this is no time zone: write one as America/New_York") from None
        return name


class WebConfig(Section):
    """``[web]``: the review page."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    base_url: str = ""
    """The address people reach the page at, for links in alerts. Empty: no links to our copy."""


class OidcConfig(Section):
    """``[oidc]``: logging in with an account at the organisation's identity provider. Needs the extra ``oidc``."""

    issuer: str = ""
    """The provider's address as it calls itself: ``https://login.example.org``. Empty: passwords only."""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    label: str = "your organisation's account"
    """How the log-in page calls it."""
    new_users: Literal["", "viewer", "reviewer"] = ""
    """The role of people whom the provider knows and we do not. Empty: they need a link from an admin."""

    @property
    def ready(self) -> bool:
        """Whether it is set up."""
        return bool(self.issuer and self.client_id)


class AccountConfig(Section):
    """``[[accounts]]``: an account to watch, as ``account add`` would."""

    platform: str
    handle: str = ""
    url: str = ""
    agency: str = ""
    state: str = ""
    name: str = ""
    role: Role = Role.OFFICE
    interval_s: float | None = Field(default=None, ge=1)

    @property
    def address(self) -> str:
        """The handle or URL, whichever was given."""
        return self.handle or self.url


class Config(Section):
    """The whole configuration. Relative paths are meant from the file's own folder."""

    database: DatabaseConfig = Field(default_factory=DatabaseConfig)
    http: HttpConfig = Field(default_factory=HttpConfig)
    poll: PollConfig = Field(default_factory=PollConfig)
    classifier: ClassifierConfig = Field(default_factory=ClassifierConfig)
    learning: LearningConfig = Field(default_factory=LearningConfig)
    review: ReviewConfig = Field(default_factory=ReviewConfig)
    alerts: AlertsConfig = Field(default_factory=AlertsConfig)
    web: WebConfig = Field(default_factory=WebConfig)
    oidc: OidcConfig = Field(default_factory=OidcConfig)
    accounts: list[AccountConfig] = Field(default_factory=list)
    sources: dict[str, Any] = Field(default_factory=dict)
    channels: dict[str, Any] = Field(default_factory=dict, exclude=True)
    folder: Path = Field(default=Path("."), exclude=True)

    def source(self, platform: str) -> Source:
        """The source that reads ``platform``, with its settings. Raises UsageError for an unknown platform."""
        source = self.sources.get(platform)
        return source if isinstance(source, Source) else source_class(platform)()

    @cached_property
    def ready_channels(self) -> dict[str, Channel]:
        """The channels that are set up, by name. The console speaks when no other channel is set up."""
        made = {name: made for name, made in self.channels.items() if isinstance(made, Channel)}
        ready = {name: channel for name, channel in made.items() if channel.ready and name != "console"}
        if not ready or "console" in made:
            ready["console"] = made.get("console") or channel_classes()["console"]()
        return ready

    def for_another_process(self) -> "Config":
        """The same settings without the connections that channels hold open, which cannot be handed over."""
        copy = self.model_copy(update={"channels": {name: _anew(made) for name, made in self.channels.items()}})
        copy.__dict__.pop("ready_channels", None)
        return copy

    @property
    def database_url(self) -> str:
        """The database's URL, a relative SQLite file taken from the configuration's folder."""
        prefix = "sqlite:///"
        if self.database.url.startswith(prefix) and not self.database.url.startswith(prefix + "/"):
            return prefix + str((self.folder / self.database.url.removeprefix(prefix)).resolve())
        return self.database.url


def load(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration from ``path``, or ``./config.toml`` if there is one, or the built-in defaults.

    Raises UsageError with one sentence that names the file, the key and the nearest known one.
    """
    raw: dict[str, Any] = {}
    file = path or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    if file is not None:
        try:
            raw = tomllib.loads(file.read_text("utf-8"))
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}. Create it with “sheriffwatch init”.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} is not valid TOML: {error}.") from None
    name = str(file) if file else "the built-in configuration"
    _apply_environment(raw, environment)
    _read_secret_files(raw, file.parent if file else Path("."))
    try:
        return _build(raw, name, (file.parent if file else Path(".")).resolve())
    except ValidationError as error:
        raise UsageError(_validation_sentence(error, name)) from None


def _anew(made: Any) -> Any:
    return type(made)(**dict(made)) if isinstance(made, Channel) else made


def _build(raw: dict[str, Any], name: str, folder: Path) -> Config:
    classes = channel_classes()
    known = {key for key in Config.model_fields if key not in ("channels", "folder")} | set(classes)
    for key in raw:
        if key not in known:
            raise UsageError(_unknown_key(key, known, name))
    channels: dict[str, Any] = {}
    for key in list(raw):
        if key in classes:
            channels[key] = _section(classes[key], raw.pop(key), key, name)
    sources: dict[str, Any] = {}
    for platform, settings in _table(raw.pop("sources", {}), "sources", name).items():
        if platform not in source_classes():
            raise UsageError(_unknown_key(f"sources.{platform}", {f"sources.{p}" for p in source_classes()}, name))
        sources[platform] = _section(source_class(platform), settings, f"sources.{platform}", name)
    if channels.get("slack") is None and "slack" in classes:
        channels["slack"] = classes["slack"]()
    config = Config.model_validate({**raw, "folder": folder})
    _check_places(config.alerts, set(classes), channels, name)
    config.sources, config.channels = sources, channels
    return config


def _check_places(alerts: AlertsConfig, known: set[str], made: Mapping[str, Channel], name: str) -> None:
    named = [(f"alerts.routes.{number}.to", route.to) for number, route in enumerate(alerts.routes)]
    for key, places in [*named, ("alerts.digest_to", alerts.digest_to), ("alerts.health_to", alerts.health_to)]:
        for place in places:
            channel, _, destination = place.partition(":")
            if channel not in known:
                near = difflib.get_close_matches(channel, known, n=1, cutoff=0.5)
                hint = f"Did you mean “{near[0]}”?" if near else f"Known: {', '.join(sorted(known))}."
                raise UsageError(f"{name}: {key} names the channel “{channel}”, which is not known. {hint}")
            if destination and channel in made and (fault := made[channel].destination_fault(destination)):
                raise UsageError(f"{name}: {key} names “{place}”: {fault}")


def _section(kind: type[BaseModel], settings: Any, key: str, name: str) -> BaseModel:
    try:
        return kind.model_validate(_table(settings, key, name))
    except ValidationError as error:
        raise UsageError(_validation_sentence(error, name, prefix=key, kind=kind)) from None


def _table(value: Any, key: str, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{name}: “{key}” must be a section, written [{key}].")
    return value


def _apply_environment(raw: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable, value in environment.items():
        if not variable.startswith(PREFIX):
            continue
        *path, last = variable.removeprefix(PREFIX).lower().split("__")
        place = raw
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise UsageError(f"{variable} does not fit the configuration: “{part}” is not a section.")
        place[last] = _environment_value(value)


def _environment_value(value: str) -> Any:
    """Lists and tables are written as JSON; everything else is a string, which the section's class converts."""
    if value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _read_secret_files(raw: dict[str, Any], folder: Path) -> None:
    for section, settings in raw.items():
        if not isinstance(settings, dict):
            continue
        for key in [key for key in settings if key.endswith("_file")]:
            try:
                settings[key.removesuffix("_file")] = (folder / str(settings.pop(key))).read_text("utf-8").strip()
            except OSError as error:
                raise UsageError(f"{section}.{key} cannot be read: {error.strerror}.") from None


def _unknown_key(key: str, known: set[str], name: str) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"Did you mean “{near[0]}”?" if near else f"Known: {', '.join(sorted(known))}."
    return f"{name}: unknown key “{key}”. {hint}"


def _validation_sentence(error: ValidationError, name: str, prefix: str = "", kind: type[BaseModel] = Config) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join([prefix, *path] if prefix else path)
    if first["type"] == "extra_forbidden":
        parent = _fields_at(kind, path[:-1])
        dotted = [*([prefix] if prefix else []), *path[:-1]]
        return _unknown_key(key, {".".join([*dotted, field]) for field in parent}, name)
    hides = not path or _looks_secret(key)  # what is said of a whole section would show its secrets, too
    given = "" if hides else f", not {first['input']!r}" if first["type"] != "missing" else ""
    return f"{name}: {key}: {first['msg'].removeprefix('Value error, ')}{given}."


def _fields_at(kind: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        if part.isdigit():
            continue
        annotation = kind.model_fields[part].annotation if part in kind.model_fields else None
        inner = [item for item in (annotation, *getattr(annotation, "__args__", ())) if isinstance(item, type)]
        models = [item for item in inner if issubclass(item, BaseModel)]
        if not models:
            return []
        kind = models[0]
    return list(kind.model_fields)


def _looks_secret(key: str) -> bool:
    return any(word in key for word in ("token", "secret", "password", "webhook", "url"))
