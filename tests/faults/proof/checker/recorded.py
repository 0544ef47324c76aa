"""Is the history whole? A checker that was not shown everything has proved nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.faults.proof.checker.violation import Violation, shown

if TYPE_CHECKING:
    from tests.faults.proof.checker.index import Index

RULE = "the history is whole"
SETTLING = 2.0
"""Seconds before the end in which the recorder and the last look may differ."""


def gaps_in_the_recording(index: Index) -> Iterator[Violation]:
    last = 0
    for write in index.history.writes:
        before = index.before(write.key, write.revision)
        known = 0 if before is None else before.revision
        if write.previous != known:
            what = f"{write.key} was last written at {write.previous}, and the recorder saw {known}"
            yield Violation(RULE, what, shown(before, write))
        if write.revision < last:
            yield Violation(RULE, "the writes are not in order", (write,))
        last = write.revision
    end = index.history.end
    for key in {write.key for write in index.history.writes}:
        newest = index.versions(key)[-1]
        stood = newest.value is not None
        if newest.at < end.at - SETTLING and stood is not (key in end.keys):
            what = f"{key} {'was' if stood else 'was not'} there for the recorder, to the last"
            yield Violation(RULE, what, (newest,))
