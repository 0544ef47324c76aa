"""`crony-ops export`: from the stored jobs back to a job file."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crony_ops.cli.completion import job_ids
from crony_ops.cli.terminal.connection import connected
from crony_ops.cli.terminal.output import say
from crony_ops.cli.view.lookup import unknown
from crony_ops.errors import CronyError, InvalidInput
from crony_ops.model.spec import Spec
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crony_ops.store.settings import EtcdSettings


class Unreadable(CronyError):
    """An export that lacks a job is no backup, and a sync of it would remove that job."""

    message = "nothing is exported: {keys} can't be read by this version"


@connected
def export(
    settings: EtcdSettings,
    jobs: Annotated[
        list[str] | None,
        typer.Argument(metavar="JOB...", help="only these", autocompletion=job_ids),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("-o", metavar="FILE", help="write there, readable by you alone"),
    ] = None,
) -> None:
    """Print the stored jobs as a job file, with whatever secrets somebody wrote into them.

    Synced in place of the files that they came from, it changes nothing but the files' names.

    Examples:
      $ crony-ops export heartbeat disk-full
      $ crony-ops export -o all.yaml
    """
    from crony_ops.catalog.job_yaml import job_fields, job_file_text

    specs = asyncio.run(_read(settings, jobs or ()))
    text = job_file_text({job_id: job_fields(spec.job) for job_id, spec in specs.items()})
    if file is None:
        sys.stdout.write(text)
        return
    try:
        write_private(file, text)
    except OSError as error:
        raise InvalidInput(reason=f"{file} can't be written: {error.strerror}") from error
    say(f"{len(specs):,} jobs in {file}")


def write_private(path: Path, text: str) -> None:
    """Replace the file as a whole by one with mode 0600."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


async def _read(settings: EtcdSettings, named: Sequence[str]) -> Mapping[str, Spec]:
    """By id. Raises UnknownName, Unreadable, StoreError."""
    from crony_ops.store.client import Etcd

    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd:
        entries = (await etcd.range(keys.specs)).entries
    values = {entry.key.removeprefix(keys.specs): entry.value for entry in entries}
    for job_id in named:
        if job_id not in values:
            raise unknown("job", job_id, values)
    specs, unreadable = {}, []
    for job_id in sorted(named or values):
        try:
            specs[job_id] = Spec.from_json(values[job_id])
        except ValueError:
            unreadable.append(keys.spec(job_id))
    if unreadable:
        raise Unreadable(keys=", ".join(unreadable))
    return specs
