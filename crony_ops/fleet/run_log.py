"""A run's log on its node, streamed from there. Imports fabric, which takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crony_ops.fleet import log_on_host
from crony_ops.fleet.ssh import ProgramFailed, raise_if_failed, running

if TYPE_CHECKING:
    from threading import Event

    from crony_ops.fleet.route import Route

_CHUNK = 1 << 16
_SILENCE = 30.0
_LOOK_EVERY = 0.3
# From the run's end to that of its log: what is still on the way, and the program's own end.
_LAST_WORDS = 10.0


@dataclass(frozen=True, slots=True)
class RunLog:
    """``inside`` is the path in the agent's ``state_dir``. It is root's to read."""

    route: Route
    state_dir: str
    inside: str

    def __str__(self) -> str:
        return f"{self.route.host}:{self.state_dir}/{self.inside}"

    def pieces(self) -> Iterator[bytes]:
        """All that is in it now. Raises NoRoute and ProgramFailed."""
        with self._reading("all") as channel:
            channel.shutdown_write()
            channel.settimeout(_SILENCE)
            try:
                while piece := channel.recv(_CHUNK):
                    yield piece
            except TimeoutError:
                reason = f"it has said nothing for {_SILENCE:.0f} s"
                raise ProgramFailed(host=self.route.host, reason=reason) from None
            raise_if_failed(self.route, channel)

    def follow(self, over: Event, write: Callable[[bytes], None]) -> None:
        """All that is in it and comes, until ``over`` is set and what there was then is written.

        Blocks, for a thread of its own. Raises NoRoute and ProgramFailed.
        """
        with self._reading("follow") as channel:
            channel.settimeout(_LOOK_EVERY)
            deadline: float | None = None
            while True:
                if over.is_set() and deadline is None:
                    deadline = time.monotonic() + _LAST_WORDS
                    channel.shutdown_write()
                try:
                    piece = channel.recv(_CHUNK)
                except TimeoutError:
                    if deadline is not None and time.monotonic() > deadline:
                        reason = "the run is over, and the rest of its log does not come"
                        raise ProgramFailed(host=self.route.host, reason=reason) from None
                    continue
                if not piece:
                    break
                write(piece)
            raise_if_failed(self.route, channel)

    @contextmanager
    def _reading(self, how: str) -> Iterator[Any]:
        program = Path(log_on_host.__file__).read_text()
        with running(self.route, program, self.state_dir, self.inside, how) as channel:
            yield channel
