"""Reads a run's log. Sent to the host and run there by its own Python, so of nothing but that.

Arguments: the agent's state folder, the log's path in it, and `all` or `follow`, which goes on
until stdin ends, as it does when whoever asked is gone.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

CHUNK = 1 << 16
LOOK_EVERY = 0.2


def copy(path: Path, position: int) -> int:
    """Print what stands there from ``position`` on; where that is then. A run may truncate its own
    log: then it is read from its start."""
    # Nobody but the agent writes into its folders, but a link would lead out of them.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as log:
        position = position if position <= log.seek(0, os.SEEK_END) else 0
        log.seek(position)
        while piece := log.read(CHUNK):
            sys.stdout.buffer.write(piece)
            position += len(piece)
    sys.stdout.buffer.flush()
    return position


def follow(path: Path) -> None:
    """It may not be there yet."""
    position, over = 0, False
    while not over:
        readable, _, _ = select.select([0], [], [], LOOK_EVERY)
        over = bool(readable) and not os.read(0, CHUNK)
        if path.exists():
            position = copy(path, position)


def main(state_dir: str, inside: str, how: str) -> None:
    path = Path(state_dir, inside)
    if how == "follow":
        follow(path)
    elif path.is_file():
        copy(path, 0)
    else:
        sys.exit(f"{path} is not there (any more)")


if __name__ == "__main__":
    main(*sys.argv[1:])
