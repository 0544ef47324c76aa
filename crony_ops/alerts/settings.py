"""The `alerts:` part of the watcher's settings: which ways there are to tell people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from crony_ops.alerts.message import Language
from crony_ops.errors import BadSchedule
from crony_ops.model.alert import Cause, Severity
from crony_ops.model.duration import Duration
from crony_ops.model.job import JobId
from crony_ops.model.part import Name
from crony_ops.model.reference import Reference, WithSecrets, parse_references
from crony_ops.schedule.zone import load_zone

_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_LONGEST_ADDRESS = 254


def is_address(text: str) -> bool:
    """Whether this is a bare mail address, of a kind that every server takes. None holds what
    begins an encoded word (RFC 2047): a header would have what that says in its place."""
    return (
        len(text) <= _LONGEST_ADDRESS and "=?" not in text and _ADDRESS.fullmatch(text) is not None
    )


def _spelled_out(text: object) -> object:
    """``${NAME}`` is short for ``${env:NAME}``."""
    return _VARIABLE.sub(r"${env:\1}", text) if isinstance(text, str) else text


def _no_literal(text: str) -> str:
    if not all(isinstance(piece, Reference) for piece in parse_references(text)):
        raise ValueError("a secret is not written here: use ${NAME} or ${file:/path}")
    return text


def _known_address(text: str) -> str:
    if not is_address(text):
        raise ValueError("this is no mail address, as ops@example.com is one")
    return text


def _known_zone(name: str) -> str:
    try:
        load_zone(name)
    except BadSchedule as error:
        raise ValueError(str(error)) from None
    return name


Text = Annotated[WithSecrets, BeforeValidator(_spelled_out)]
"""A text in which ``${NAME}`` and ``${file:/path}`` stand for secrets."""
Secret = Annotated[Text, AfterValidator(_no_literal)]
"""Nothing but such references."""
Address = Annotated[str, AfterValidator(_known_address)]
Timeout = Annotated[float, Field(gt=0, le=300, description="seconds for one attempt, in all")]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _only_one(settings: BaseModel, *names: str, needed: bool = False) -> None:
    given = [name for name in names if getattr(settings, name) is not None]
    if len(given) > 1:
        raise ValueError(f"give {' or '.join(names)}, not both")
    if needed and not given:
        raise ValueError(f"{' or '.join(names)} is missing")


class MailSettings(_Settings):
    """Without ``user`` there is no login. ``port`` is 587, 465 or 25, as ``tls`` is."""

    type: Literal["mail"]
    language: Language = "en"
    host: str = Field(min_length=1)
    port: int | None = Field(None, gt=0, lt=65536)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    ca_file: Path | None = None
    user: str | None = None
    password: Secret | None = Field(None, repr=False)
    password_file: Path | None = None
    sender: Address
    to: tuple[Address, ...] = ()
    templates: Path | None = None
    """A folder whose ``mail.html`` and ``mail.txt`` are used instead of the shipped ones."""
    timeout: Timeout = 30.0

    @model_validator(mode="after")
    def _login(self) -> MailSettings:
        _only_one(self, "password", "password_file", needed=self.user is not None)
        if self.user is None and (self.password or self.password_file):
            raise ValueError("a password needs user, too")
        return self


class _Posting(_Settings):
    """``url`` is treated as a secret: whoever has it may write there."""

    language: Language = "en"
    url: Text | None = Field(None, repr=False)
    url_file: Path | None = None
    secret: Secret | None = Field(None, repr=False)
    secret_file: Path | None = None
    ca_file: Path | None = None
    timeout: Timeout = 15.0

    @model_validator(mode="after")
    def _one_of_each(self) -> _Posting:
        _only_one(self, "url", "url_file", needed=True)
        _only_one(self, "secret", "secret_file")
        if self.url is not None and not self.url.startswith(("http://", "https://", "${")):
            raise ValueError("url begins with http:// or https://")
        return self


class FeishuSettings(_Posting):
    """``secret`` signs, if the bot wants that."""

    type: Literal["feishu"]
    language: Language = "zh"


class WebhookSettings(_Posting):
    """``secret`` signs the body. ``template`` names a file of ``templates``, or a shipped one.
    ``expect``: fields that the answer must have, for a service that says its errors in a 200."""

    type: Literal["webhook"]
    headers: dict[str, Text] = Field(default={}, repr=False)
    template: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    templates: Path | None = None
    expect: dict[str, JsonValue] = {}


ChannelSettings = Annotated[
    MailSettings | FeishuSettings | WebhookSettings, Field(discriminator="type")
]


class Route(_Settings):
    """What fits all that is named here goes over these channels, or over all. ``severity``: at
    least; ``label``: ``name=value``, or a name alone; ``to``: mail addresses beside the channel's
    own; ``mention``: as the channel's service identifies people."""

    cause: tuple[Cause, ...] = ()
    severity: Severity = Severity.info
    group: Name | None = None
    label: str | None = Field(None, min_length=1)
    job: JobId | None = None
    channels: tuple[Name, ...] = ()
    to: tuple[Address, ...] = ()
    mention: tuple[str, ...] = ()


class PingSettings(_Settings):
    """The dead-man's switch. ``url`` is treated as a secret: whoever has it may speak for us."""

    url: Text = Field(repr=False)
    every: float = Field(60.0, ge=1, le=86_400)
    timeout: Timeout = 10.0


class AlertSettings(_Settings):
    """``link`` is where to look further: ``{job}``, ``{node}`` and ``{run_id}`` are put in.
    ``remind``: seconds from one message of a lost node to the next; 0: never."""

    channels: dict[Name, ChannelSettings] = {}
    routes: tuple[Route, ...] = ()
    remind: Duration = 14_400
    ping: PingSettings | None = None
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    link: str = ""

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> AlertSettings:
        for route in self.routes:
            for channel in route.channels:
                if channel not in self.channels:
                    known = ", ".join(sorted(self.channels)) or "none"
                    raise ValueError(f"a route names channel {channel}; there is {known}")
        return self
