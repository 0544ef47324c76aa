"""Real hosts on one machine, for tests: systemd as PID 1, each its own disk, address and sshd."""

from tests.hosts.lab.command import CommandFailed, Outcome
from tests.hosts.lab.host import Host
from tests.hosts.lab.lab import Lab
from tests.hosts.lab.needs import CannotRun

__all__ = ["CannotRun", "CommandFailed", "Host", "Lab", "Outcome"]
