"""What a role of etcd may touch: a key or a range of keys, and how."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from crony_ops.store import wire


class Right(enum.StrEnum):
    read = "read"
    write = "write"
    readwrite = "readwrite"


@dataclass(frozen=True, slots=True)
class Permission:
    """``end`` is the first key behind the range; it is empty for the key alone."""

    right: Right
    key: bytes
    end: bytes = b""

    @classmethod
    def on(cls, right: Right, key: str) -> Permission:
        return cls(right, wire.encode_key(key))

    @classmethod
    def under(cls, right: Right, prefix: str) -> Permission:
        """On every key that starts with ``prefix``."""
        start = wire.encode_key(prefix)
        return cls(right, start, wire.prefix_end(start))

    @property
    def span(self) -> tuple[bytes, bytes]:
        """A role has at most one permission on each."""
        return self.key, self.end

    def __str__(self) -> str:
        key = wire.decode_key(self.key)
        if not self.end:
            return f"{self.right} {key}"
        if self.end == wire.prefix_end(self.key):
            return f"{self.right} {key}*"
        return f"{self.right} {key} up to {wire.decode_key(self.end)}"
