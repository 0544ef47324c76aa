"""The proof of the promise on real hosts: what a test does to them, judged by the rules of
`make faults`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.model.run import tick_run_id
from crony_ops.model.spec import Cursor
from crony_ops.store.keys import Keys
from tests.faults.proof.checker import check
from tests.faults.proof.checker.tally import tally
from tests.faults.proof.history import (
    END,
    LEDGER,
    WRITES,
    EndState,
    History,
    Kind,
    NodeSetup,
    Setup,
    Write,
    read_history,
    read_write,
    write_history,
)
from tests.faults.proof.nemesis.diary import Diary
from tests.faults.proof.report import report

if TYPE_CHECKING:
    from tests.hosts.fleet import Fleet
    from tests.hosts.lab import Host

_KEYS = Keys()


class Proof:
    """From when it is made, with no jobs yet, all is on record in ``folder``: what the jobs write
    on the hosts' disks, every write of the key space, and the faults that it is told of.

    A host is a node, a watcher and a member of etcd, and a fault of it is one of each: `h1`,
    `watcher-h1`, `etcd-h1`. ``command`` repeats the test.
    """

    def __init__(self, fleet: Fleet, folder: Path, command: str) -> None:
        self._fleet = fleet
        self._folder = folder
        self._command = command
        self._diary = Diary()
        config = str(fleet.inventory / "cli.yaml")
        record = [sys.executable, "-m", "tests.hosts.recording", config, str(folder)]
        self._recording = subprocess.Popen(
            fleet.lab.inside(record), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._since = int(self._heard())
        self._began = time.time()
        fleet.clear_ledgers()

    @contextmanager
    def fault(self, kind: Kind, host: Host) -> Iterator[None]:
        """What is done to a host inside began when this is entered, and is over when it is left."""
        with self._noted(kind, host.name, _watcher(host), _etcd(host)):
            yield

    @contextmanager
    def split(self, one: Host, other: Host) -> Iterator[None]:
        """Neither reaches the other: its member of etcd, its node, its watcher."""
        links = (
            f"{client}>{_etcd(to)}"
            for here, to in ((one, other), (other, one))
            for client in (here.name, _watcher(here), _etcd(here))
        )
        with self._noted(Kind.cut, *links):
            self._fleet.lab.split(one, other)
            yield
            self._fleet.lab.join()

    def judge(self) -> None:
        """All was put right, and the jobs run: they are taken away, and what was recorded is held
        against the rules. Raises AssertionError with the report."""
        setup = self._setup()
        # What is not so in time is for the checker to tell of.
        with suppress(AssertionError):
            self._fleet.until(self._settled, "each node is back, and each job's cursor goes on")
        self._go_on()
        self._fleet.sync({})
        with suppress(AssertionError):
            self._fleet.until(self._all_told, "of each run there is a record", 20)
        self._go_on()
        history = self._history(setup)
        violations = check(history)
        assert not violations, report(tally(history), violations, setup.command)

    def close(self) -> None:
        """Whether or not it came to a judgement."""
        self._recording.communicate()

    def _setup(self) -> Setup:
        fleet = self._fleet
        return Setup(
            began=self._began,
            nodes={
                node["name"]: NodeSetup(
                    uuid=node["uuid"], groups=node["groups"], presets=node["presets"]
                )
                for node in fleet.asked("status")["nodes"]
            },
            watchers=tuple(map(_watcher, fleet.hosts)),
            etcds=tuple(map(_etcd, fleet.hosts)),
            ttl=fleet.ttl,
            watcher_ttl=fleet.ttl,
            command=self._command,
            since=self._since,
        )

    def _settled(self) -> bool:
        """A key may still stand that a host has put before its power was cut, and what ran without
        etcd, under no claim, is told when that is back."""
        over = max(fault.ended or 0.0 for fault in self._diary.faults)
        ticks = [tick for job, tick in self._cursors() if job in self._wanted()]
        seen: list[float] = [node["seen_at"] for node in self._fleet.asked("status")["nodes"]]
        return min([*ticks, *seen]) > over

    def _all_told(self) -> bool:
        """What ran without etcd is told some time after it ended, and what was claimed ahead when
        its job was taken away has yet to come."""
        written = [write.key for write in self._writes() if write.key.startswith(_KEYS.runs)]
        claimed = [_KEYS.run(job, tick_run_id(tick)) for job, tick in self._cursors()]
        began = [_KEYS.run(line.job, line.run) for line in self._fleet.ledger()]
        # That of a job on every node has the node's name at its end.
        return all(any(key.startswith(run) for key in written) for run in (*claimed, *began))

    def _wanted(self) -> set[str]:
        """The jobs that stand."""
        specs = {
            write.key: write.value for write in self._writes() if write.key.startswith(_KEYS.specs)
        }
        return {key[len(_KEYS.specs) :] for key, value in specs.items() if value is not None}

    def _cursors(self) -> list[tuple[str, int]]:
        """Where those that were moved stand: the job, and its tick."""
        moved = {
            write.key: write.value
            for write in self._writes()
            if write.key.startswith(_KEYS.cursors) and write.revision > self._since
        }
        return [
            (key[len(_KEYS.cursors) :].partition("/")[0], Cursor.from_json(value.encode()).tick)
            for key, value in moved.items()
            if value is not None
        ]

    def _writes(self) -> list[Write]:
        """So far. The last line may be half written."""
        *lines, _ = (self._folder / WRITES).read_text().split("\n")
        return [read_write(line) for line in lines]

    def _history(self, setup: Setup) -> History:
        ledger = "".join(self._fleet.written(host) for host in self._fleet.hosts)
        (self._folder / LEDGER).write_text(ledger)
        end = EndState.from_json((self._folder / END).read_bytes())
        write_history(History(setup, [], self._diary.faults, [], end), self._folder)
        return read_history(self._folder)

    def _go_on(self) -> None:
        """Let the recording go on, and hear how far it has come."""
        assert self._recording.stdin is not None
        self._recording.stdin.write("\n")
        self._recording.stdin.flush()
        self._heard()

    def _heard(self) -> str:
        assert self._recording.stdout is not None
        said = self._recording.stdout.readline()
        assert said, f"the recording ended with {self._recording.wait()}"
        return said

    @contextmanager
    def _noted(self, kind: Kind, *targets: str) -> Iterator[None]:
        with ExitStack() as notes:
            for target in targets:
                notes.enter_context(self._diary.noted(kind, target))
            yield


def _watcher(host: Host) -> str:
    return f"watcher-{host.name}"


def _etcd(host: Host) -> str:
    return f"etcd-{host.name}"
