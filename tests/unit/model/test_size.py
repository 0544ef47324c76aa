"""Sizes as people write them."""

from __future__ import annotations

import pytest

from crony_ops.model.size import parse_size


@pytest.mark.parametrize(
    ("written", "size"),
    [(4096, 4096), ("4096", 4096), ("64KiB", 65_536), ("10 MiB", 10 * 2**20), ("1GiB", 2**30)],
)
def test_a_size(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["", "10M", "10mb", "-1", -1, "1.5GiB", True, None, "9" * 99])
def test_no_size(written: object) -> None:
    with pytest.raises(ValueError, match="64KiB, 10MiB or 1GiB"):
        parse_size(written)
