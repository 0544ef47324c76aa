"""`crony-ops` in a lab, without its start: each call is a fork of a process that has imported it.

A start takes longer than most answers, and the tests on hosts ask some four hundred times.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from tests.hosts.lab import Lab, Outcome

_IMPORTED = (
    "crony_ops.cli.main",
    *(f"crony_ops.cli.{verb}" for verb in ("status", "nodes", "jobs", "sync")),
    "crony_ops.store.client",
)


class WarmCli:
    """Ends with the lab, or when it is closed."""

    def __init__(self, lab: Lab) -> None:
        self._process = subprocess.Popen(
            lab.inside([sys.executable, "-m", "tests.hosts.warm_cli"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, arguments: Sequence[str], env: Mapping[str, str], *, check: bool, timeout: float
    ) -> Outcome:
        """As `Lab.run`: CommandFailed if it fails and ``check`` is set, or lasts longer."""
        from tests.hosts.lab.command import CommandFailed, Outcome

        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"arguments": [*arguments], "env": {**env}, "timeout": timeout}
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        outcome = Outcome(f"crony-ops {' '.join(arguments)}", **said)
        if outcome.status == -signal.SIGALRM:
            raise CommandFailed(f"not within {timeout:.0f} s: {outcome}")
        if check and outcome.status:
            raise CommandFailed(str(outcome))
        return outcome

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _serve() -> None:
    for module in _IMPORTED:
        importlib.import_module(module)
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                _become(asked, out.fileno(), err.fileno())
            _, ended = os.waitpid(child, 0)
            texts = {"out": _text(out), "err": _text(err)}
        said = {"status": os.waitstatus_to_exitcode(ended), **texts}
        sys.stdout.write(f"{json.dumps(said)}\n")
        sys.stdout.flush()


def _become(asked: dict[str, Any], out: int, err: int) -> Never:
    from crony_ops.cli.main import run

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.update(asked["env"])
    signal.setitimer(signal.ITIMER_REAL, asked["timeout"])
    status = 1
    try:
        status = run(asked["arguments"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))


if __name__ == "__main__":
    _serve()
