"""`python -m tests.faults.proof`: prove the promise under faults, or judge a history again.

The exit status is 0 only if there is no violation.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

from crony_ops.errors import CronyError, first_cause
from tests.faults.proof.checker import check
from tests.faults.proof.checker.tally import tally
from tests.faults.proof.history import History, read_history
from tests.faults.proof.report import report
from tests.faults.proof.trial import Trial

FOLDER = Path(".crony/faults")


def say(words: str) -> None:
    sys.__stdout__.write(f"{time.strftime('%H:%M:%S')}  {words}\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def judge(history: History) -> int:
    violations = check(history)
    say("judged:\n\n" + report(tally(history), violations, history.setup.command))
    return 1 if violations else 0


def main() -> int:
    options = _parser().parse_args()
    try:
        if options.command == "check":
            return judge(read_history(options.folder))
        seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
        trial = Trial(FOLDER / f"seed-{seed}", seed, options.duration, say)
        say(f"{trial.command}: the history goes to {trial.folder}")
        return judge(asyncio.run(trial.run()))
    except* CronyError as group:
        say(f"there is nothing to judge: {first_cause(group)}")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.proof")
    parser.add_argument("--duration", type=float, default=600.0, help="seconds of faults")
    parser.add_argument("--seed", type=int, help="the same seed plans the same faults")
    commands = parser.add_subparsers(dest="command")
    again = commands.add_parser("check", help="judge the history of an earlier run")
    again.add_argument("folder", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
