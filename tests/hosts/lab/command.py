"""How a command that a test runs went."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

_SHOWN = 6000


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` is negative for the signal that ended it."""

    command: str
    status: int
    out: str
    err: str

    def __str__(self) -> str:
        return (
            f"`{self.command}` ended with {self.status}\n"
            f"{self.out[-_SHOWN:]}\n--- stderr\n{self.err[-_SHOWN:]}"
        )


class CommandFailed(AssertionError):
    """A command failed that should not have, or did not end in time."""


def run(
    argv: Sequence[str], *, shown: Sequence[str], check: bool, timeout: float, stdin: str = ""
) -> Outcome:
    """Run to the end; ``shown`` is the part of the command that a reader wants to see.

    Raises CommandFailed when it ends with another status than 0 and ``check`` is set, or goes on
    for more than ``timeout`` seconds: then it and its process group are killed.
    """
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            out, err = process.communicate()
            late = Outcome(shlex.join(shown), -signal.SIGKILL, out, err)
            raise CommandFailed(f"not within {timeout:.0f} s: {late}") from None
    outcome = Outcome(shlex.join(shown), process.returncode, out, err)
    if check and outcome.status:
        raise CommandFailed(str(outcome))
    return outcome
