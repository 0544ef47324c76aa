"""`python -m tests.faults.proof.guards NAME…`: the proof with a guard taken out, one by one.

Each is taken out of a copy of the source, `.crony/guards/NAME`, which stays with the history of its
run. The exit status is 0 only if a rule that is meant for it saw each of them gone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.proof.__main__ import FOLDER, say
from tests.faults.proof.checker import check
from tests.faults.proof.guards.catalog import GUARDS
from tests.faults.proof.guards.sighting import Sighting, sightings
from tests.faults.proof.history import read_history

if TYPE_CHECKING:
    from tests.faults.proof.guards.guard import Guard

COPIES = Path(".crony/guards")
REPOSITORY = Path(__file__).parents[4]


def main() -> int:
    options = _parser().parse_args()
    seen = [_is_seen(GUARDS[name], options.seed, options.duration) for name in options.names]
    return 0 if all(seen) else 1


def _is_seen(guard: Guard, seed: int, duration: float) -> bool:
    say(f"without {guard.name}: {guard.what}")
    try:
        found = prove_without(guard, seed, duration)
    except FileNotFoundError:
        say(f"{guard.name}: its run left no history to judge")
        return False
    seen = [sighting for sighting in found if sighting.rule in guard.rules]
    for sighting in seen:
        say(f"{guard.name}: seen {sighting}")
    for sighting in found:
        if sighting not in seen:
            say(f"{guard.name}: and {sighting}")
    if not seen:
        say(f"{guard.name}: NOT SEEN with seed {seed} by: {' · '.join(guard.rules)}")
    return bool(seen)


def prove_without(guard: Guard, seed: int, duration: float) -> list[Sighting]:
    """Raises GuardNotFound, and FileNotFoundError where the run left no history to judge."""
    copy = (COPIES / guard.name).absolute()
    guard.take_out(REPOSITORY, copy)
    subprocess.run(
        [
            *(sys.executable, "-m", "tests.faults.proof"),
            *("--duration", str(duration), "--seed", str(seed)),
        ],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        check=False,
    )
    history = read_history(copy / FOLDER / f"seed-{seed}")
    return sightings(history, check(history))


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, GUARDS))
    listed = "\n".join(f"{guard.name:{width}}  {guard.what}" for guard in GUARDS.values())
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.proof.guards",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", choices=GUARDS, metavar="NAME")
    parser.add_argument("--list", action="version", version=listed, help="the names, and stop")
    parser.add_argument("--duration", type=float, default=600.0, help="seconds of faults")
    parser.add_argument("--seed", type=int, default=7, help="the same seed plans the same faults")
    return parser


if __name__ == "__main__":
    sys.exit(main())
