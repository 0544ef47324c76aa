"""What an alert is, what became of it on its way to people, and what keeps it from going."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from crony_ops.model.record import Record

MAX_OUTPUT = 2000
"""Characters of a run's output that an alert carries: the last ones."""
MAX_ANSWER = 300
"""Characters of a server's answer, or of what went wrong, that a delivery keeps."""


class Severity(StrEnum):
    """From the least to the worst."""

    info = "info"
    warning = "warning"
    critical = "critical"

    @property
    def rank(self) -> int:
        """The worse, the greater."""
        return list(Severity).index(self)


class Cause(StrEnum):
    """What is told of. ``Alert.cause`` is a text: a newer leader may know of more."""

    failure = "failure"
    recovery = "recovery"
    missed = "missed"
    lost = "lost"
    slow = "slow"
    unassigned = "unassigned"
    flapping = "flapping"
    node_lost = "node lost"
    node_back = "node back"
    preset_failed = "preset failed"
    clock = "clock"
    watcher_took_over = "watcher took over"
    spec_rejected = "spec rejected"
    value_unreadable = "value unreadable"
    cursor_ahead = "cursor ahead"
    rebalance = "rebalance"


class DeliveryState(StrEnum):
    """``silenced``: a silence kept it back, or no route leads anywhere. ``gathered``: a digest
    tells of it. Neither is sent any more."""

    waiting = "waiting"
    delivered = "delivered"
    retrying = "retrying"
    given_up = "given_up"
    silenced = "silenced"
    gathered = "gathered"


class Delivery(Record):
    """How far one alert has come over one channel.

    ``next_at``: not to be tried before (unix seconds). ``at``: when it came to this state.
    ``answer``: the server's last word or error, or the digest's id; without secrets, one line, at
    most MAX_ANSWER characters. ``to`` are mail addresses beside the channel's own, ``on_duty`` whom
    to mention.
    """

    state: DeliveryState = DeliveryState.waiting
    attempts: int = 0
    next_at: float = 0.0
    at: float = 0.0
    answer: str = ""
    to: tuple[str, ...] = ()
    on_duty: tuple[str, ...] = ()


class Alert(Record):
    """`/crony/alert/<alert_id>`: the id follows from the cause, so that none is made twice.

    ``title`` and ``message`` are English; a channel of another language makes its own of cause and
    ``facts``. ``node`` is a uuid, ``node_name`` its name. ``ended``: it tells that a state is over;
    ``since``: when that state began (unix seconds). ``output`` is a run's tail and may hold
    anything. ``names``: of a digest, the jobs or nodes that it tells of, and ``count`` how many
    alerts. ``groups`` and ``labels`` are its job's or its node's, to choose alerts by; ``to`` and
    ``channels`` come from the job's ``notify``. ``deliveries`` go by channel, and are empty until
    the leader has routed it.
    """

    id: str
    cause: str
    severity: Severity
    title: str
    message: str
    at: float
    node: str = ""
    job: str = ""
    node_name: str = ""
    run_id: str = ""
    reason: str = ""
    output: str = ""
    ended: bool = False
    since: float | None = None
    names: tuple[str, ...] = ()
    count: int = 1
    facts: dict[str, str | int | float] = Field(default_factory=dict)
    groups: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    runbook: str = ""
    to: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    deliveries: dict[str, Delivery] = Field(default_factory=dict)


class Silence(Record):
    """`/crony/silence/<id>`: what fits is not sent until ``until`` (unix seconds).

    All that is named must fit: a job's id, a node's name, a group, a label (``name=value``, or a
    name alone for any value).
    Nothing named fits everything.
    """

    id: str
    who: str
    at: float
    until: float
    why: str = ""
    job: str = ""
    node: str = ""
    group: str = ""
    label: str = ""
