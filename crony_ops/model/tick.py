"""A tick as it stands in etcd."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Tick = Annotated[int, Field(ge=0, lt=32_503_680_000)]
"""Unix seconds, up to the year 3000: one in milliseconds, say, is unreadable and no far future."""
