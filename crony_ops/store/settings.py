"""How to reach etcd: the part of a daemon's configuration that the store reads."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class EtcdSettings(BaseModel):
    """Endpoints, credentials and limits. Relative paths are taken from the working directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoints: tuple[str, ...] = Field(("127.0.0.1:2379",), min_length=1)
    """``host:port``, also as ``http://`` or ``https://``; the port is 2379 if left out."""
    prefix: str = "/crony"
    username: str | None = None
    password_file: Path | None = None
    """Read anew at each login, so that a changed password needs no restart."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    request_timeout: float = Field(5.0, gt=0)
    """Seconds for one request, over all the endpoints it is tried on."""

    @field_validator("endpoints")
    @classmethod
    def _every_endpoint_has_host_and_port(cls, endpoints: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_with_port(endpoint) for endpoint in endpoints)

    @field_validator("prefix")
    @classmethod
    def _prefix_is_rooted(cls, prefix: str) -> str:
        if not prefix.startswith("/") or not prefix.strip("/"):
            raise ValueError("must start with / and name something, like /crony")
        return prefix.rstrip("/")

    @model_validator(mode="after")
    def _parts_that_need_each_other(self) -> EtcdSettings:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file go together")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        if self.cert_file is not None and self.ca_file is None:
            raise ValueError("a client certificate needs ca_file, too")
        schemes = {endpoint.startswith("https://") for endpoint in self.endpoints}
        if len(schemes) > 1:
            raise ValueError("all endpoints must speak https, or none")
        return self

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted: by ``https://``, or because a CA is given."""
        return self.ca_file is not None or self.endpoints[0].startswith("https://")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The endpoints as ``host:port``."""
        return tuple(endpoint.partition("://")[2] or endpoint for endpoint in self.endpoints)


def _with_port(endpoint: str) -> str:
    scheme, mark, rest = endpoint.rstrip("/").rpartition("://")
    if scheme not in ("", "http", "https") or not rest or "/" in rest:
        raise ValueError(f"{endpoint!r} is no host:port, http://host:port or https://host:port")
    host, colon, port = rest.rpartition(":")
    if rest.endswith("]") or not colon:
        host, port = rest, "2379"
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{endpoint!r} has no usable port")
    return f"{scheme}{mark}{host}:{port}"
