"""What a member of the etcd cluster says of itself. Without gRPC, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """One member. Sizes are bytes; ``quota`` is None where etcd does not tell (before 3.6).

    ``error`` says why a member could not be asked; all but its name and endpoint is then unknown.
    ``alarms`` are etcd's own, like NOSPACE, and the errors that the member reports of itself.
    """

    name: str
    endpoint: str
    version: str = ""
    db_size: int = 0
    is_leader: bool = False
    quota: int | None = None
    alarms: tuple[str, ...] = ()
    error: str | None = None
