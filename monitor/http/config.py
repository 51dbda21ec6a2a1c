"""The ``[http]`` section: what every request of ours is bound by."""

from pydantic import BaseModel, ConfigDict, Field, FilePath, field_validator

from monitor import __version__
from monitor.http.guard import Allowance, Guard


class HttpConfig(BaseModel):
    """``[http]``: how we ask, how long, how much, and where we may never go."""

    model_config = ConfigDict(extra="forbid")

    user_agent: str = f"sheriffwatch/{__version__} (public-post research; set http.user_agent to your contact)"
    """Sent with every request. Put an address here under which a server's operator can reach you."""
    deadline_s: float = Field(default=30, gt=0, le=600)
    """Seconds that all requests of one poll may take together, waiting politely for a host not counted."""
    max_bytes: int = Field(default=20_000_000, ge=1)
    """Largest answer, decoded, in bytes."""
    max_wire_bytes: int = Field(default=20_000_000, ge=1)
    """Largest answer as it comes over the wire, in bytes."""
    max_redirects: int = Field(default=5, ge=0, le=20)
    allow_private: list[str] = Field(default_factory=list)
    """Addresses of your own that may be asked although they are not public: ``127.0.0.1:8799``, ``10.1.0.0/16``,
    ``[fd00::/8]:8080``, ``newsroom.internal:8080``. Without a port every port is meant."""
    ports: list[int] = Field(default_factory=list)
    """Ports of public hosts that may be asked besides 80 and 443."""
    rate_per_host: float = Field(default=5, gt=0)
    """Requests a second to one public host, at most. Hosts named in ``allow_private`` are yours and not held back."""
    ca_file: FilePath | None = None
    """A PEM file of certificate authorities to trust besides the public ones."""

    @field_validator("user_agent")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.strip() or not value.isascii() or not value.isprintable():
            raise ValueError("the user agent must be one line of plain ASCII text that is not empty")
        return value.strip()

    @field_validator("allow_private")
    @classmethod
    def _readable(cls, entries: list[str]) -> list[str]:
        for entry in entries:
            Allowance.parse(entry)
        return entries

    @field_validator("ports")
    @classmethod
    def _real_ports(cls, ports: list[int]) -> list[int]:
        for port in ports:
            if not 1 <= port <= 65535:
                raise ValueError(f"{port} is not a port; ports go from 1 to 65535")
        return ports

    def guard(self) -> Guard:
        """The guard that holds these rules."""
        return Guard([Allowance.parse(entry) for entry in self.allow_private], self.ports)
