"""Whether a person really means an order that is hard to take back."""

from __future__ import annotations

import sys

import typer

from crony_ops.errors import InvalidInput


class Unconfirmed(InvalidInput):
    """Nobody is there to be asked."""

    message = "{question} Nobody can be asked here: say --yes if you mean it"


def confirmed(question: str, yes: bool) -> None:
    """Go on only if ``yes`` was said on the command line, or is said now; no is the default.

    The question goes to stderr. Raises Unconfirmed where stdin is no terminal, and typer.Abort
    (exit status 1) for a no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Unconfirmed(question=question)
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise typer.Abort
