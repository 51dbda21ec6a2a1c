"""What all requests share: the database, the configuration, the templates, and what is costly to make anew."""

from dataclasses import dataclass, field

import jinja2

from models.db import Database
from monitor.config import Config
from monitor.versions import Duty
from monitor.web.slow import Slow


@dataclass(frozen=True)
class Shared:
    """One for each application."""

    db: Database
    config: Config
    templates: jinja2.Environment
    duty: Duty
    slow: Slow = field(default_factory=Slow)
