"""What a channel sends, in the channel's language, and how it says that it could not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from crony_ops.errors import CronyError

if TYPE_CHECKING:
    from crony_ops.model.alert import Severity

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Any text in it may hold anything: each channel makes it harmless in its own way.

    ``key`` is the same at each attempt. ``at`` is in unix seconds. ``ended`` tells of something
    that is over. ``names`` are a digest's jobs or nodes: channels list them, so ``text`` need not.
    ``on_duty`` are whom to mention, spelled as the channel's service identifies them; ``to`` are
    mail addresses beside the channel's own. What the channel itself says is in ``language``, too.
    """

    key: str
    cause: str
    severity: Severity
    ended: bool = False
    subject: str
    text: str
    at: float
    host: str = ""
    job: str = ""
    run_id: str = ""
    output: str = ""
    names: tuple[str, ...] = ()
    link: str = ""
    on_duty: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    language: Language = "en"


class Channel(Protocol):
    @property
    def name(self) -> str: ...

    async def send(self, message: Message) -> str:
        """The server's answer in a line, without secrets. Raises Undelivered, and nothing else."""
        ...

    def preview(self, message: Message) -> str:
        """What would be sent, readable, without secrets. Raises Undelivered where a template or an
        address is of no use."""
        ...


class Undelivered(CronyError):
    """``reason`` holds no secret. ``permanent``: another attempt would end no better.
    ``retry_after``: seconds that the server wants to be left alone, if it said so."""

    def __init__(self, *, reason: str, permanent: bool, retry_after: float | None = None) -> None:
        super().__init__(reason=reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after
