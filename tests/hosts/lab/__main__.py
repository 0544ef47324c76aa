"""Boot hosts and run a command beside them, by hand; tests/hosts/README.md tells how."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tests.hosts.lab import CannotRun, Lab


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hosts.lab", description=__doc__)
    parser.add_argument("--hosts", type=int, default=3, help="how many are booted (3)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a shell, unless there is one")
    asked = parser.parse_args()
    try:
        with Lab() as lab:
            hosts = lab.boot(asked.hosts)
            everywhere = dict.fromkeys(("etcd", "watchers", "nodes"), hosts)
            inventory = lab.inventory("by-hand", everywhere)
            command = asked.command or [os.environ.get("SHELL", "sh")]
            said = {"INVENTORY": str(inventory), "ANSIBLE_INVENTORY": str(inventory)}
            return subprocess.run(lab.inside(command, env=said), check=False).returncode
    except CannotRun as why:
        sys.stderr.write(f"no hosts here: {why}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
