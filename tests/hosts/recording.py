"""Records the key space of a fleet beside a test: a program of its own, for it runs in the lab.

It says on its standard output how far it is, and goes on by each line of its standard input.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import yaml

from crony_ops.local.waiting import wait_until
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys
from tests.faults.proof.history import END, EndState
from tests.faults.proof.recorder import Recorder

_PATIENCE = 30.0


async def record(settings: EtcdSettings, folder: Path) -> None:
    """The writes; how all stands once the first line is read; and the writes until, after the
    second, its jobs are gone. Raises LocalClusterFailed, StoreError."""
    keys = Keys(settings.prefix)
    # An operator may see no more than this.
    recorder = Recorder(settings, keys.everything, folder, watched=keys.everything)
    async with Etcd(settings) as etcd, asyncio.TaskGroup() as group:

        async def idle() -> bool:
            lasting = (keys.specs, keys.jobs, keys.queue, keys.opens, keys.all_news)
            return not any([await etcd.count(prefix) for prefix in lasting])

        async def looked() -> bool:
            there = await etcd.range(keys.everything, keys_only=True)
            leases = {entry.key: entry.lease for entry in there.entries}
            (folder / END).write_bytes(EndState(at=time.time(), keys=leases).to_json())
            return recorder.revision >= there.revision

        async def ended() -> bool:
            return await idle() and recorder.revision >= (await etcd.head())[1]

        await wait_until(idle, "no job is left, and nothing is open", _PATIENCE)
        since = await recorder.begin(etcd)
        recording = group.create_task(recorder.run())
        _say(str(since))
        await _word()
        await wait_until(looked, "the record is up to date", _PATIENCE)
        _say("over")
        await _word()
        await wait_until(ended, "nothing is open, and all is on record", _PATIENCE)
        recording.cancel()
    _say("done")


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def _word() -> None:
    """Wait for the word to go on. Ends the process where nobody will give it any more."""
    if not await asyncio.to_thread(sys.stdin.readline):
        sys.exit()


if __name__ == "__main__":
    config = yaml.safe_load(Path(sys.argv[1]).read_text())
    asyncio.run(record(EtcdSettings.model_validate(config["etcd"]), Path(sys.argv[2])))
