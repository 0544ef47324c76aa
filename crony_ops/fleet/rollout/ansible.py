"""`ansible-playbook`: asked what it would do; and then, through ansible-runner, to do it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crony_ops.errors import CronyError, InvalidInput, MissingExtra
from crony_ops.fleet.rollout.outline import PlayOutline, all_hosts, read_outline

PROGRAM = "ansible-playbook"
ARTEFACTS = Path(".crony/rollouts")
KEPT = 20
"""How many rollouts' artefacts stay."""

_OUTLINE_PATIENCE = 120
# A task that runs on a host is not waited for; but what runs here takes a moment to end.
_INTERRUPTED_PATIENCE = 10.0
_LOOK_EVERY = 1  # whole seconds, for pexpect


class NotKept(CronyError):
    message = "what the rollout leaves can't be kept in {folder}: {reason}"


@dataclass(frozen=True, slots=True)
class Order:
    """``folder`` is Ansible's: `ansible.cfg` is read there. ``inventory`` None: as Ansible finds
    it. ``extra_vars`` are as `ansible-playbook -e` takes them."""

    playbook: Path
    folder: Path
    inventory: str | None
    limit: str | None
    check: bool
    diff: bool
    extra_vars: tuple[str, ...]

    @property
    def options(self) -> list[str]:
        return [
            *(("--inventory", self.inventory) if self.inventory else ()),
            *(("--limit", self.limit) if self.limit else ()),
            *(("--check",) if self.check else ()),
            *(("--diff",) if self.diff else ()),
            *(part for each in self.extra_vars for part in ("--extra-vars", each)),
        ]


@dataclass(frozen=True, slots=True)
class Ended:
    """``status`` is that of ansible-playbook. ``artefacts`` has all that it printed and told."""

    status: int
    interrupted: bool
    artefacts: Path


def outline(order: Order) -> tuple[PlayOutline, ...]:
    """What would be done, where; no host is asked.

    Raises MissingExtra, and InvalidInput: with Ansible's own words for what it can't run, and
    where there is no host for it.
    """
    try:
        done = subprocess.run(
            [_program(), *order.options, "--list-hosts", "--list-tasks", str(order.playbook)],
            cwd=order.folder,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_OUTLINE_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InvalidInput(reason=f"{order.playbook.name} can't be read: {error}") from None
    if done.returncode:
        raise InvalidInput(reason=f"{order.playbook.name}: {_complaint(done.stderr)}")
    plays = read_outline(done.stdout)
    if not all_hosts(plays):
        raise InvalidInput(
            reason=f"{order.playbook.name}: there is no host for it in "
            f"{order.inventory or 'the inventory that Ansible finds'}"
        )
    return plays


def run(order: Order, heed: Callable[[Mapping[str, Any]], None]) -> Ended:
    """To the end, each event given to ``heed``. Only in the main thread: Ctrl-C ends it.

    The first Ctrl-C, or a SIGTERM, has ansible-playbook end by itself; a second one, or ten
    seconds, kill it. Raises MissingExtra and NotKept.
    """
    try:
        from ansible_runner.config.runner import RunnerConfig
        from ansible_runner.runner import Runner
    except ImportError:
        raise _without_ansible() from None
    now = time.time()
    name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}.{int(now % 1 * 1000):03}Z"
    kept = order.folder / ARTEFACTS
    program = _program()
    try:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = RunnerConfig(
            private_data_dir=str(kept),
            artifact_dir=str(kept),
            ident=name,
            rotate_artifacts=KEPT,
            project_dir=str(order.folder),
            playbook=str(order.playbook),
            cmdline=shlex.join(order.options),
            envvars=_environment(),
            fact_cache_type="",
            quiet=True,
        )
        config.prepare()
    except OSError as error:
        raise NotKept(folder=kept, reason=error.strerror) from None
    config.command[0] = program
    config.pexpect_timeout = _LOOK_EVERY
    if "ANSIBLE_HOST_KEY_CHECKING" not in os.environ:
        # ansible-runner has it off unless told: it is ansible.cfg's to say.
        config.env.pop("ANSIBLE_HOST_KEY_CHECKING", None)
    artefacts = kept / name

    def take(event: Mapping[str, Any]) -> bool:
        interruption.note(event)
        heed(event)
        return True

    def forget_environment(status: Mapping[str, Any], **_: object) -> None:
        """It has been written down, and may have secrets in it."""
        if status["status"] == "running":
            (artefacts / "command").unlink(missing_ok=True)

    with _interruptible() as interruption:
        runner = Runner(
            config,
            event_handler=take,
            status_handler=forget_environment,
            cancel_callback=lambda: interruption.kill,
        )
        _, status = runner.run()
    return Ended(int(status or 0), interruption.asked, artefacts)


class _Interruption:
    """``asked`` for by Ctrl-C; ``kill`` when ansible-playbook has not ended of itself."""

    def __init__(self) -> None:
        self.asked = False
        self._deadline = 0.0
        self._pid = 0

    @property
    def kill(self) -> bool:
        return self.asked and time.monotonic() >= self._deadline

    def note(self, event: Mapping[str, Any]) -> None:
        """Whom to ask. The first event is ansible-playbook's own: no host has said anything yet,
        so none can make up a pid."""
        if not self._pid and event.get("event") == "playbook_on_start":
            self._pid = int(event["pid"])

    def ask(self, *_: object) -> None:
        again, self.asked = self.asked, True
        if self._pid and not again:
            self._deadline = time.monotonic() + _INTERRUPTED_PATIENCE
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self._pid, signal.SIGINT)
        else:
            self._deadline = 0.0


@contextmanager
def _interruptible() -> Iterator[_Interruption]:
    interruption = _Interruption()
    before = {
        number: signal.signal(number, interruption.ask)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _program() -> str:
    """That of our own environment, which need not be on PATH. Raises MissingExtra."""
    beside = Path(sys.executable).with_name(PROGRAM)
    found = str(beside) if beside.is_file() else shutil.which(PROGRAM)
    if found is None:
        raise _without_ansible()
    return found


def _without_ansible() -> MissingExtra:
    return MissingExtra(what="a rollout", extra="fleet")


def _environment() -> dict[str, str]:
    """Nobody can answer ssh's questions (a key that is not known yet, a passphrase): the answer is
    no, for else it would wait for one for ever."""
    return {"ANSIBLE_NOCOLOR": "1", "SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"}


def _complaint(stderr: str) -> str:
    """What Ansible says is wrong, with the place, in one line; not the excerpt after that."""
    _, _, error = stderr.rpartition("[ERROR]: ")
    told, _, _ = error.strip().partition("\n\n")
    return " ".join(told.split()) or "ansible-playbook says nothing"
