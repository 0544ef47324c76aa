"""The guardian: outlives whoever started a local cluster, and lets nothing else of it do so.

It waits for the end of a pipe whose other end only its starter holds, however that one ends; then
it kills what is left of the cluster. Until it is through it holds the folder's lock, too, so that
no other cluster begins among the remains.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from crony_ops.local.marked import end_marked


class Guardian:
    """The starter's side: ``dismiss`` it when the cluster is down."""

    def __init__(self, mark: str, lock: int, log: Path) -> None:
        """``lock``: the descriptor of the folder's lock, which it shares."""
        end, self._life = os.pipe()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "crony_ops.local.guardian", str(end), mark],
                pass_fds=(end, lock),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        os.close(end)

    def dismiss(self) -> None:
        """It looks over the cluster one last time, and ends."""
        os.close(self._life)
        self._process.wait()


def main() -> int:
    end, mark = int(sys.argv[1]), sys.argv[2]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(end, 1):
        pass
    return 1 if end_marked(mark) else 0


if __name__ == "__main__":
    sys.exit(main())
