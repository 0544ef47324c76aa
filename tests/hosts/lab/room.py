"""A private part of this machine: mounts, network and processes that vanish together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.hosts.lab import keeper
from tests.hosts.lab.command import Outcome, run


class Room:
    """``root`` is its file system as seen from outside.

    It is gone when this process is: even kill -9 leaves no process, mount or interface behind.
    """

    def __init__(self, address: str) -> None:
        """``address`` is this machine's own in the room, with the network's length."""
        namespaces = ("--mount", "--propagation=private", "--net", "--pid", "--mount-proc")
        command = [*namespaces, "--fork", "--kill-child", sys.executable, keeper.__file__, address]
        self._process = subprocess.Popen(
            ["unshare", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"no room: its keeper ended with {self._process.wait()}")
        pid = self._process.pid
        self._keeper = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        self.root = Path(f"/proc/{self._keeper}/root")

    def inside(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> list[str]:
        """The command that runs ``argv`` in the room, with ``env`` on top of this environment."""
        enter = ["nsenter", "--target", self._keeper, "--mount", "--net", "--pid", "--"]
        settings = [f"{name}={value}" for name, value in (env or {}).items()]
        return [*enter, "env", f"--chdir={cwd or '/'}", *settings, *argv]

    def do(self, *argv: str, timeout: float = 20) -> Outcome:
        """Raises CommandFailed unless it succeeds."""
        return run(self.inside(argv), shown=argv, check=True, timeout=timeout)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
