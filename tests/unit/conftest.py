"""What is collected lives as long as the tests run: no garbage collection has to walk through it.

There is so much of it that walking takes a fifth of the time of these tests.
"""

from __future__ import annotations

import gc

gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
