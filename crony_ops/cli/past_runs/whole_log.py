"""Where the whole log of a run stands, and reading it where that is within reach.

etcd has tails only. The log is a file of the node's agent, in a state folder that etcd does not
know; of a cluster on this machine it is known, and can be read.
"""

from __future__ import annotations

import asyncio
import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from crony_ops.cli.terminal.connection import LOCAL_CLUSTER
from crony_ops.errors import InvalidInput
from crony_ops.model.job import JobId
from crony_ops.model.run import RunId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from crony_ops.store.settings import EtcdSettings

_JOB_ID: TypeAdapter[str] = TypeAdapter(JobId)
_RUN_ID: TypeAdapter[str] = TypeAdapter(RunId)
_CHUNK = 1 << 16
_LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class LogPlace:
    """``node`` is a name, ``in_state_dir`` the path from its agent's state folder; ``path`` is
    where that is on this machine, None if it is not."""

    node: str
    in_state_dir: str
    path: Path | None

    def in_words(self) -> str:
        if self.path is not None:
            return str(self.path)
        return (
            f"on {self.node} in <state_dir>/{self.in_state_dir} "
            "(/var/lib/crony unless its agent is told otherwise)"
        )


def log_place(
    settings: EtcdSettings, folder: Path, *, node: str, job_id: str, run_id: str
) -> LogPlace:
    """For a run on ``node`` (a name), asked for in ``folder``.

    Raises InvalidInput for ids that are none: they come out of etcd, and name a file.
    """
    try:
        _JOB_ID.validate_python(job_id)
        _RUN_ID.validate_python(run_id)
    except ValidationError:
        reason = f"there is no log of {run_id!r}: a run of {job_id!r} has no such id"
        raise InvalidInput(reason=reason) from None
    inside = f"runs/{job_id}/{run_id}.log"
    here = _state_folder(settings, folder, node)
    return LogPlace(node, inside, None if here is None else here / inside)


def _state_folder(settings: EtcdSettings, folder: Path, node: str) -> Path | None:
    """Of a node in a local cluster: one whose folder stands above ``folder``, and whose etcd is
    the very one that is asked."""
    files = (parent / LOCAL_CLUSTER for parent in (folder, *folder.parents))
    cluster_file = next((file for file in files if file.is_file()), None)
    if cluster_file is None:
        return None
    from crony_ops.local.folder import ClusterFolder

    cluster = ClusterFolder(cluster_file.parent)
    ports = cluster.last_ports()
    if ports is None or settings.addresses != (f"127.0.0.1:{ports[0]}",):
        return None
    state = cluster.state(node)
    return state if state.is_dir() else None


def read_log(path: Path) -> Iterator[str]:
    """All that is in it now, a piece at a time. Raises FileNotFoundError."""
    with path.open("r", encoding="utf-8", errors="replace", newline="") as file:
        while piece := file.read(_CHUNK):
            yield piece


async def follow_log(path: Path, over: Callable[[], bool]) -> AsyncIterator[str]:
    """All that is in it and comes, until ``over`` held before a look that found nothing more.

    It may not be there yet. A run may truncate its own log: then it is read from its start.
    """
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    position = 0
    while True:
        last = over()
        try:
            with path.open("rb") as file:
                position = position if position <= file.seek(0, 2) else 0
                file.seek(position)
                while piece := file.read(_CHUNK):
                    position += len(piece)
                    yield decode(piece)
        except FileNotFoundError:
            pass
        if last:
            return
        await asyncio.sleep(_LOOK_EVERY)
