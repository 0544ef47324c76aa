"""What a job is: the fields of a job file, their meanings, their defaults.

These models are the single source of the job file's validation, of its JSON Schema, and of the form
in which a job stands in etcd. Fields at their default are left out of the JSON.
"""

from __future__ import annotations

import re
import shlex
from enum import Enum, StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from crony_ops.model.duration import Duration
from crony_ops.model.notify import Notify, Window
from crony_ops.model.part import Name, Part
from crony_ops.model.reference import WithSecrets, sound_references

JOB_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
JobId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$"),
]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}\$?$")]


def _compiled(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    return pattern


Regex = Annotated[str, StringConstraints(min_length=1), AfterValidator(_compiled)]
"""A Python regular expression, searched for anywhere in the text."""


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("write an absolute path: where a node starts is not known here")
    return path


AbsolutePath = Annotated[str, AfterValidator(_absolute)]


class HttpAction(Part):
    """A request. ``${file:/path}`` and ``${env:NAME}`` in url, body and the values of query and
    headers stand for secrets: the node that makes the request puts them in, and nobody else sees
    them."""

    method: Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z]+$")] = "GET"
    url: Annotated[
        str, StringConstraints(pattern=r"^https?://[^\s]+$"), AfterValidator(sound_references)
    ]
    query: dict[str, WithSecrets] = Field(
        default_factory=dict, description="added to the URL, encoded"
    )
    headers: dict[str, WithSecrets] = Field(default_factory=dict)
    body: WithSecrets | None = None
    expect: Annotated[
        tuple[Annotated[int, Field(ge=100, le=599)], ...],
        Field(description="statuses that count as success; none named means any 2xx"),
    ] = ()
    expect_body: Annotated[
        Regex | None, Field(description="must be found in the first 64 KiB of the answer")
    ] = None
    connect_timeout: Duration = 10
    max_redirects: Annotated[int, Field(ge=0, le=20)] = 5
    ca_file: Annotated[
        AbsolutePath | None, Field(description="on the node; instead of the system's authorities")
    ] = None
    client_cert: Annotated[AbsolutePath | None, Field(description="PEM file on the node")] = None
    client_key: Annotated[
        AbsolutePath | None, Field(description="PEM file; none: it is in client_cert")
    ] = None

    @model_validator(mode="after")
    def _key_has_certificate(self) -> Self:
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("`client_key` belongs to a `client_cert`, which is not named")
        return self


class RunOn(Part):
    """Where a job may run. Nothing named: on any node."""

    node: Name | None = None
    group: Name | None = None
    every: Annotated[bool, Field(description="on every such node at once, not on one of them")] = (
        False
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.node and (self.group or self.every):
            raise ValueError("name either a node or a group; `every` goes with a group or alone")
        return self

    @property
    def bound(self) -> bool:
        """Whether the job can't run elsewhere when its node dies (pinned, or on every node)."""
        return self.every or self.node is not None


class Backoff(StrEnum):
    fixed = "fixed"
    exponential = "exponential"


class Retries(Part):
    count: Annotated[int, Field(ge=0, le=100)] = 0
    delay: Duration = 10
    backoff: Backoff = Backoff.fixed
    max_delay: Duration = 300
    jitter: Annotated[Duration, Field(description="each delay is longer by up to this")] = 0
    retry_on: Annotated[
        tuple[Annotated[int, Field(ge=0, le=599)], ...],
        Field(description="exit codes (HTTP: statuses) to retry after; none named: any failure"),
    ] = ()


class Concurrency(Enum):
    """What happens when a run is due while the one before it still runs."""

    forbid = "forbid"
    allow = "allow"
    replace = "replace"


class MisfirePolicy(StrEnum):
    skip = "skip"
    latest = "latest"
    all = "all"


class Misfire(Part):
    """What becomes of ticks that nobody could run in time."""

    policy: MisfirePolicy = MisfirePolicy.latest
    grace: Duration = 300
    max: Annotated[int, Field(ge=1, le=100, description="the most that `all` makes up")] = 100


class OnNodeLoss(StrEnum):
    report = "report"
    rerun = "rerun"


class Success(Part):
    exit_codes: Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], Field(min_length=1)] = (
        0,
    )
    forbid_output: Annotated[
        Regex | None, Field(description="a run whose output has this has failed")
    ] = None


INTERPRETER = ("/bin/bash", "-euo", "pipefail", "-c")

# What means something to a shell job only.
SHELL_FIELDS = ("presets", "interpreter", "user", "workdir", "env", "umask", "nice")


class Job(Part):
    """One job of a job file. Exactly one of ``shell`` and ``http`` is given."""

    description: str = ""
    labels: dict[Name, str] = Field(default_factory=dict, description="to choose jobs by")
    schedule: Annotated[
        str,
        Field(
            description="5 fields; 6 fields have seconds first; @daily ...; @every 90s; H = hashed"
        ),
    ]
    timezone: Annotated[str, Field(description="a name of the IANA time zone database")] = "UTC"
    shell: Annotated[str, StringConstraints(min_length=1)] | None = None
    interpreter: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1)], ...],
        Field(min_length=1, description="the program that gets the command, as its last argument"),
    ] = INTERPRETER
    http: HttpAction | None = None
    run_on: Annotated[RunOn, Field(description="auto, {node: n}, {group: g, every: true}")] = (
        RunOn()
    )
    presets: tuple[Name, ...] = ()
    user: UserName | None = None
    workdir: AbsolutePath | None = None
    env: dict[EnvName, WithSecrets] = Field(default_factory=dict)
    umask: Annotated[str, StringConstraints(pattern=r"^[0-7]{3,4}$")] | None = None
    nice: Annotated[int, Field(ge=-20, le=19)] = 0
    timeout: Annotated[
        Duration | None, Field(description="of one attempt; none: it may run for ever")
    ] = None
    retries: Retries = Retries()
    concurrency: Concurrency = Concurrency.forbid
    max_concurrent: Annotated[
        int | None, Field(ge=2, le=1000, description="the most runs at once that `allow` allows")
    ] = None
    misfire: Misfire = Misfire()
    on_node_loss: OnNodeLoss = OnNodeLoss.report
    splay: Annotated[
        Duration, Field(description="spreads jobs over this time after their tick")
    ] = 0
    success: Success = Success()
    notify: Notify = Notify()
    maintenance: Annotated[
        tuple[Window, ...],
        Field(max_length=20, description="when nobody is told: [{schedule: …, duration: 2h}]"),
    ] = ()

    @field_validator("run_on", mode="before")
    @classmethod
    def _auto(cls, value: object) -> object:
        return {} if value == "auto" else value

    @field_validator("interpreter", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return shlex.split(value)
        except ValueError as error:
            raise ValueError(f"this is no command line: {error}") from None

    @field_validator("timeout")
    @classmethod
    def _some_time(cls, value: int | None) -> int | None:
        if value == 0:
            raise ValueError("a timeout of 0 ends every run at once: leave it out for no timeout")
        return value

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        if (self.shell is None) == (self.http is None):
            raise ValueError("a job has exactly one of `shell` and `http`")
        if self.http is not None:
            for field in SHELL_FIELDS:
                usual = type(self).model_fields[field].get_default(call_default_factory=True)
                if getattr(self, field) != usual:
                    raise ValueError(f"`{field}` means something to shell jobs only")
        if self.max_concurrent is not None and self.concurrency is not Concurrency.allow:
            raise ValueError("`max_concurrent` means something with `concurrency: allow` only")
        return self

    @property
    def due_by(self) -> tuple[str, str, RunOn]:
        """What says which ticks there are: an edit of anything else leaves the cursor be."""
        return self.schedule, self.timezone, self.run_on

    @property
    def movable(self) -> bool:
        """Whether another node can take the job over without being told that shell jobs may move.

        An HTTP job can run anywhere; a shell job is at home wherever its presets are.
        """
        return not self.run_on.bound and (self.http is not None or bool(self.presets))

    @property
    def rerun(self) -> bool:
        """Whether a run that is lost with its node is run again (elsewhere, unless bound)."""
        return self.on_node_loss is OnNodeLoss.rerun
