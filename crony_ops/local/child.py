"""One process of a local cluster: started, killed, frozen and thawed by hand."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from crony_ops.errors import LocalClusterFailed
from crony_ops.local.waiting import wait_until


class Child:
    """``log_file`` is added to by each life. The process leads a session of its own, so that
    Ctrl-C on the terminal is for its starter alone."""

    def __init__(
        self, name: str, command: Sequence[str], log_file: Path, env: Mapping[str, str]
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.log_file = log_file
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of its latest life. Raises LocalClusterFailed before the first."""
        if self._process is None:
            raise LocalClusterFailed(reason=f"{self.name} was never started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Frozen counts as alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Negative for the signal that ended it; None while it lives or before its first life."""
        return None if self._process is None else self._process.poll()

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def start(self) -> None:
        """Start without waiting. Raises LocalClusterFailed if it lives already."""
        if self.alive:
            raise LocalClusterFailed(reason=f"{self.name} runs already (pid {self.pid})")
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                start_new_session=True,
            )

    def kill(self) -> None:
        """kill -9, and wait until it is gone. What it had started goes on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Stop it in its tracks: its connections stay open, and nobody answers. Waits until it
        stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM, also to a frozen one. Doesn't wait."""
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)
            self.thaw()

    async def terminate(self, grace: float = 10.0) -> None:
        """An orderly end: SIGTERM, and KILL after ``grace`` seconds."""
        self.ask_to_end()
        try:
            await wait_until(lambda: not self.alive, f"the end of {self.name}", grace)
        except LocalClusterFailed:
            self.kill()

    def restart(self) -> None:
        """kill -9 and start anew, as after a power cut."""
        self.kill()
        self.start()
