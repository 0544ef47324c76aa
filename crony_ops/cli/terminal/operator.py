"""Who gives an order at the command line."""

from __future__ import annotations

import getpass
import os
import socket


def operator() -> str:
    """``user@host``; the user before sudo, where there is one."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in many containers
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname().partition('.')[0]}"
