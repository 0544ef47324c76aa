"""What a daemon tells the service manager that started it, in systemd's protocol (sd_notify(3)).

Ready, how it is in words, that it is alive, that it stops. None of it matters where nobody asks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds after which a daemon is ready whatever keeps it from its work: an outage of etcd is no
failed start, and what there is to wait for is told by the status."""

STALLED = 120.0
"""Seconds without progress after which a daemon isn't alive any more, though its loop turns."""

_STARTING = 0.1
_INTERVAL = 5.0


@dataclass(frozen=True, slots=True)
class Standing:
    """``at_work``: it does what it is there for. ``status``: in words. ``stalled``: seconds since
    it last did what it must do again and again, with etcd or without."""

    at_work: bool
    status: str
    stalled: float


@dataclass(frozen=True, slots=True)
class Told:
    """What the service manager was told so far."""

    ready: bool = False
    stopping: bool = False
    status: str = ""


def news(
    told: Told, now: Standing, *, age: float, stopping: bool, watched: bool, interval: float
) -> tuple[Told, tuple[str, ...]]:
    """What is to be told next, as assignments, and what is told then. Pure.

    ``age``: seconds since the start; ``watched``: a sign of life is waited for; ``interval``:
    seconds until the next telling. An orderly stop asks for more time again and again, for as long
    as it goes on.
    """
    lines = []
    ready = told.ready or now.at_work or age >= PATIENCE
    if ready and not told.ready:
        lines.append("READY=1")
    if stopping and not told.stopping:
        lines.append("STOPPING=1")
    if stopping:
        lines.append(f"EXTEND_TIMEOUT_USEC={round((interval + _INTERVAL) * 1e6)}")
    if now.status != told.status:
        lines.append(f"STATUS={' '.join(now.status.split())}")
    if watched and now.stalled < STALLED:
        lines.append("WATCHDOG=1")
    return Told(ready, stopping, now.status), tuple(lines)


class ServiceManager:
    """``address`` is that of its socket (with a leading ``@`` an abstract one), empty where there
    is none. ``watchdog``: within how many seconds it wants a sign of life, 0 for never."""

    def __init__(self, address: str, watchdog: float) -> None:
        self.watchdog = watchdog
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The one that started this very process."""
        usec = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog = int(usec) / 1e6 if ours and usec.isascii() and usec.isdigit() else 0.0
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog)

    @property
    def listens(self) -> bool:
        return bool(self._address)

    def tell(self, lines: tuple[str, ...]) -> None:
        """At once. Raises OSError, BlockingIOError where it is too busy to take it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.setblocking(False)
            manager.connect(self._address)
            manager.send("\n".join(lines).encode())


async def keep_told(
    manager: ServiceManager, standing: Callable[[], Standing], stop: asyncio.Event
) -> None:
    """Tell ``manager`` how the daemon stands, until cancelled; ``stop`` is set when it is to end.

    Its being called is the sign of life of the event loop that it runs in.
    """
    if not manager.listens:
        return
    began = time.monotonic()
    told, complained, stalled = Told(), False, False
    interval = min(_INTERVAL, manager.watchdog / 2) if manager.watchdog else _INTERVAL
    while True:
        now = standing()
        if now.stalled >= STALLED and not stalled:
            log.error("no progress for %.0f s: the service manager is told no more", now.stalled)
        stalled = now.stalled >= STALLED
        age = time.monotonic() - began
        telling, lines = news(
            told,
            now,
            age=age,
            stopping=stop.is_set(),
            watched=manager.watchdog > 0,
            interval=interval,
        )
        try:
            if lines:
                manager.tell(lines)
            told, complained = telling, False
        except OSError as error:  # it is told again next time
            if not complained:
                log.warning("the service manager can't be told: %s", error)
            complained = True
        pause = interval if told.ready else min(_STARTING, interval)
        if stop.is_set():
            await asyncio.sleep(pause)
        else:
            try:
                async with asyncio.timeout(pause):
                    await stop.wait()
            except TimeoutError:
                continue
