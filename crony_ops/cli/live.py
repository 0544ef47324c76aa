"""How a machine is doing while one looks: the agent tells for as long as the switch is on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.cli.terminal.output import Output, brief, console, say, show, span, table
from crony_ops.errors import CronyError, StoreError
from crony_ops.model.system import SWITCHED_ON, SystemInfo
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from rich.console import Group

    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.store.client import Etcd
    from crony_ops.store.entry import Change, Entry
    from crony_ops.store.settings import EtcdSettings

SWITCH_TTL = 30
SWITCH_EVERY = 10.0
SILENCE = 10.0
"""Seconds without an answer after which there is nobody to wait for: it tells every two."""

_GIB = 2**30


class NotAlive(CronyError):
    message = "{node} is lost: there is nobody to tell how it is doing"


class NoAnswer(CronyError):
    message = (
        "{node} has said nothing for {silence}: its agent is stuck, can't reach etcd, or is too old"
    )


@dataclass(frozen=True, slots=True)
class LiveDocument:
    """One look at a machine; ``node`` is a name."""

    node: str
    system: SystemInfo


def live(settings: EtcdSettings, view: ClusterView, uuid: str, output: Output, once: bool) -> None:
    """Until Ctrl-C; or, with ``once``, for a machine, and where nobody watches a terminal, one
    look. Raises NotAlive and NoAnswer."""
    name = view.name_of(uuid)
    if uuid not in view.alive:
        raise NotAlive(node=name)
    once = once or output is not Output.text or not console().is_terminal
    if once:
        asyncio.run(_one_look(settings, uuid, name, output))
        return
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_watch(settings, uuid, name))


async def _one_look(settings: EtcdSettings, uuid: str, name: str, output: Output) -> None:
    async with _answers(settings, uuid, name) as answer:
        info = await answer()
    show(LiveDocument(name, info), output, lambda console: console.print(picture(name, info)))


async def _watch(settings: EtcdSettings, uuid: str, name: str) -> None:
    from rich.live import Live

    async with _answers(settings, uuid, name) as answer:
        with Live(picture(name, await answer()), console=console(), auto_refresh=False) as screen:
            while True:
                screen.update(picture(name, await answer()), refresh=True)


@contextlib.asynccontextmanager
async def _answers(
    settings: EtcdSettings, uuid: str, name: str
) -> AsyncIterator[Callable[[], Awaitable[SystemInfo]]]:
    """A function that waits for the agent's next answer and raises NoAnswer if none comes; the
    switch is on until this is left, and lapses then, for others may look, too."""
    from crony_ops.store.client import Etcd
    from crony_ops.store.mirror import Mirror

    keys = Keys(settings.prefix)
    key, changed, arrived = keys.system_info(uuid), asyncio.Event(), 0.0

    def take(_: Sequence[Change]) -> None:
        nonlocal arrived
        arrived = time.time()
        changed.set()

    async with Etcd(settings) as etcd, asyncio.TaskGroup() as group:
        mirror = Mirror(etcd, (key,), on_change=take)
        following = group.create_task(mirror.run())
        await mirror.synced()
        asked = time.monotonic()
        seen = await _switch_on(etcd, keys.system_switch(uuid))
        one_way = (time.monotonic() - asked) / 4  # a grant and a put: two trips to and fro
        keeping = group.create_task(_keep_on(etcd, keys.system_switch(uuid)))

        async def answer() -> SystemInfo:
            nonlocal seen
            try:
                async with asyncio.timeout(SILENCE):
                    while True:
                        changed.clear()
                        entry = mirror.get(key)
                        if entry is not None and entry.mod_revision > seen:
                            seen = entry.mod_revision
                            if (info := _read(entry)) is not None:
                                offset = info.at - (arrived - one_way)
                                return info.model_copy(update={"clock_offset": round(offset, 2)})
                        await changed.wait()
            except TimeoutError:
                raise NoAnswer(node=name, silence=brief(SILENCE)) from None

        try:
            yield answer
        finally:
            following.cancel()
            keeping.cancel()


async def _switch_on(etcd: Etcd, switch: str) -> int:
    """The revision at which it was put. Each put has a lease of its own: one that somebody else
    put meanwhile must not go with ours."""
    lease = await etcd.grant(SWITCH_TTL)
    return await etcd.put(switch, SWITCHED_ON, lease=lease)


async def _keep_on(etcd: Etcd, switch: str) -> None:
    while True:
        await asyncio.sleep(SWITCH_EVERY)
        with contextlib.suppress(StoreError):  # the next one comes before the lease ends
            await _switch_on(etcd, switch)


def _read(entry: Entry) -> SystemInfo | None:
    try:
        return SystemInfo.from_json(entry.value)
    except ValueError as error:
        say(f"{entry.key} can't be read: {error}")
        return None


def picture(name: str, info: SystemInfo) -> Group:
    """The machine, its disks and its busiest runs, for people. Pure."""
    from rich.console import Group

    offset = info.clock_offset
    clock = "" if offset is None else f" · clock {offset:+.1f} s off this machine's"
    used = info.memory_total - info.memory_available
    memory = f"{used / _GIB:.1f} of {info.memory_total / _GIB:.1f} GiB"
    lines = [
        f"{name} · up {span(info.uptime)}{clock}",
        f"cpu     {info.cpu:.0f} % of {info.cpus} · load {' '.join(f'{x:.2f}' for x in info.load)}",
        f"memory  {memory} · swap {info.swap_used / _GIB:.1f} GiB",
    ]
    disks = table(
        *("DISK", "USED", "OF", "FULL"),
        rows=[
            (
                disk.mount,
                f"{disk.used / _GIB:.1f} GiB",
                f"{disk.total / _GIB:.1f} GiB",
                f"{100 * disk.used / max(disk.total, 1):.0f} %",
            )
            for disk in info.disks
        ],
        right=("USED", "OF", "FULL"),
    )
    runs = table(
        *("JOB", "RUN", "PID", "CPU", "MEMORY"),
        rows=[
            (run.job_id, run.run_id, run.pid, f"{run.cpu:.0f} %", f"{run.rss / 2**20:.0f} MiB")
            for run in info.top
        ],
        right=("PID", "CPU", "MEMORY"),
    )
    idle = f"{info.running} runs under way" if info.running else "no run is under way"
    mounted = disks if info.disks else "disks   no answer"
    return Group("\n".join(lines), mounted, runs if info.top else idle)
