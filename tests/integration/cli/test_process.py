"""How the command line starts and ends as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys


def test_help_imports_no_command_and_no_grpc() -> None:
    code = (
        "import sys; from crony_ops.cli.main import run; status = run(['--help']);"
        "loaded = [m for m in sys.modules if m.startswith(('grpc', 'pydantic', 'crony_ops.cli.'))];"
        "assert (status, loaded) == (0, ['crony_ops.cli.main']), loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_completion_knows_the_options_of_a_command() -> None:
    environment = {
        **os.environ,
        "_CRONY_OPS_COMPLETE": "complete_bash",
        "COMP_WORDS": "crony-ops plan --for",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-m", "crony_ops.cli.main"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["--format"]


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`crony-ops … | head`: the pipe is closed before the output is flushed."""
    code = (
        "import os, sys; from crony_ops.cli import main; r, w = os.pipe(); os.dup2(w, 1);"
        "os.close(w); os.close(r); sys.argv[1:] = ['--help']; main.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.PIPE)
    assert done.stderr == b""
    assert done.returncode == 1
