"""The agent of a plain user on a machine that hides the processes of other users."""

from __future__ import annotations

import subprocess
import sys

import pytest

HIDING = "mount -t proc -o hidepid=1 proc /proc || exit 77"
LOOK = """
import os, subprocess
from crony_ops.node.execution import proc_table
proc_table.read_table()  # imports what that user may not read
os.setgid(65534)
os.setuid(65534)
own = subprocess.Popen(["cat"], stdin=-1, stdout=-1, start_new_session=True)
own.stdin.write(b"up\\n")
own.stdin.flush()
own.stdout.readline()
seen = proc_table.read_table().sessions
print(own.pid in seen, 1 in seen)
"""


def test_processes_that_are_hidden_are_passed_over() -> None:
    look = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "--pid", "--fork"),
            *("sh", "-c", f'{HIDING}; "$@"; exit $?', "sh", sys.executable, "-c", LOOK),
        ],
        capture_output=True,
        check=False,
        text=True,
    )
    if look.returncode == 77 or "unshare:" in look.stderr:
        pytest.skip("only root can mount a /proc that hides processes")
    assert look.stdout == "True False\n", look.stderr
