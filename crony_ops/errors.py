"""Every error this project raises on purpose, each with its message and its exit status.

The command line prints ``str(error)`` as one line and exits with ``error.exit_status``:
1 for something that failed, 2 for input that has to be mended first.
"""

from __future__ import annotations

from typing import ClassVar


class CronyError(Exception):
    """The root of the family. ``message`` is a format string over the keyword arguments."""

    message: ClassVar[str] = "{reason}"
    exit_status: ClassVar[int] = 1

    def __init__(self, **details: object) -> None:
        self.details = details
        super().__init__(self.message.format(**details))


class InvalidInput(CronyError):
    """What a person wrote can't be used as it stands; nothing was changed."""

    exit_status = 2


class BadSchedule(InvalidInput):
    """A schedule that is no schedule, or one that would never fire."""


class BadConfig(InvalidInput):
    message = "{path}: {reason}"


class StoreError(CronyError):
    """etcd did not do what was asked."""


class StoreUnavailable(StoreError):
    """No endpoint answered. The request was never sent, or only read: nothing was written."""

    message = "etcd can't be reached at {endpoints}: {reason}"


class OutcomeUnknown(StoreError):
    """The request was sent and no answer came: it may or may not have been applied."""

    message = "etcd did not say what became of a write: {reason}"


class StoreRefused(StoreError):
    """etcd answered, and the answer is no: a right that is missing, a full disk, a bad request."""

    message = "etcd refused: {reason}"


class Compacted(StoreError):
    message = "revision {revision} is compacted away (the oldest kept is {oldest})"


class GuardFailed(StoreError):
    """What guards every request of a batch does not hold any more: nothing of it was written."""

    message = "a batch of writes is not allowed any more: {guard} has changed"


class LeaseLost(StoreError):
    message = "lease {lease:x} is gone"


class NodeTaken(CronyError):
    message = (
        "node {name} ({uuid}) is held by another live agent (pid {pid} at {ip}): "
        "stop that one, or give this one a name of its own"
    )


class StateFolderInUse(CronyError):
    message = "{path} is in use by another agent: give this one a state_dir of its own"


class NewerKeySpace(CronyError):
    message = (
        "the key space under {prefix} has version {found}, this program knows up to {known}: "
        "upgrade this program"
    )


class UnreadableKeySpace(CronyError):
    message = "{key} can't be read, so this is no key space of ours: {reason}"


class SyncRefused(CronyError):
    """A sync that must not go on. What it wrote before stands, and the next one goes on there."""

    message = "no sync: {reason}"


class ClusterInUse(CronyError):
    message = "{path} is in use by a local cluster (pid {pid}): stop it, or use another folder"


class LocalClusterFailed(CronyError):
    message = "the local cluster: {reason}"


class MissingExtra(CronyError):
    message = "{what} needs more than is installed here: pip install 'crony-ops[{extra}]'"


def first_cause(error: BaseException) -> BaseException:
    """Of a task group's errors the one that was raised on purpose, else the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [first_cause(inner) for inner in error.exceptions]
    return next((cause for cause in causes if isinstance(cause, CronyError)), causes[0])
