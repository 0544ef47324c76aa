"""Which nodes there should be, by the inventory that is configured."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from crony_ops.errors import CronyError

if TYPE_CHECKING:
    from pathlib import Path


class Expected(NamedTuple):
    """``nodes`` by name; None where none is configured, or it can't be read: ``trouble`` says why
    then."""

    nodes: frozenset[str] | None
    trouble: str = ""


NOTHING_EXPECTED = Expected(None)


def expected_of(inventory: Path | None) -> Expected:
    """Ansible may be asked, which takes a second."""
    if inventory is None:
        return NOTHING_EXPECTED
    from crony_ops.fleet.expected_nodes import cache_folder, expected_nodes

    try:
        return Expected(expected_nodes(inventory, cache_folder(os.environ), time.time()))
    except CronyError as error:
        return Expected(None, str(error))
