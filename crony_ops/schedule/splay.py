"""How far behind its tick a job fires, so that many jobs of one tick don't start together."""

from __future__ import annotations

from hashlib import blake2b


def splay_offset(job_id: str, window: int) -> int:
    """Seconds to wait after a tick: the same for a job on every node, even over [0, window).

    0 when the window is 0.
    """
    digest = blake2b(job_id.encode(), digest_size=8, person=b"crony-splay").digest()
    return int.from_bytes(digest) * window >> 64
