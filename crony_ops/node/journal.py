"""What the agent must not forget when it dies: its lease, what it could not report, what it has
claimed and of which etcd, and for jobs that can't run elsewhere, enough to go on without etcd.

One SQLite file in the state folder, locked for as long as the agent lives. Spool and offline
claims are synced to the disk before they count; high-water ticks and the pinned jobs' state need
only outlive the process.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from crony_ops.errors import BadConfig, StateFolderInUse
from crony_ops.node.journal_tables import SPOOL_COLUMNS, TABLES

_ASIDE = "set it aside; docs/operations.md (An agent will not start) says what is forgotten then"


class Worth(IntEnum):
    """What goes first from a full spool: the lowest. ``KEPT`` never goes, nor does ``DROPPED``,
    which tells how many of a job went."""

    NO_NEWS = 0
    GOOD_NEWS = 1
    BAD_NEWS = 2
    KEPT = 3
    DROPPED = 4


@dataclass(frozen=True, slots=True)
class Spooled:
    """A report in the spool; ``seq`` grows with each."""

    seq: int
    job_id: str
    report: bytes


@dataclass(frozen=True, slots=True)
class Pinned:
    """A job bound to this node, as etcd last told of it."""

    job_id: str
    key: str
    value: bytes
    revision: int
    cursor: int | None
    cursor_revision: int


class Journal:
    """Raises StateFolderInUse when another agent holds the folder, BadConfig when it is no use."""

    def __init__(self, state_dir: Path) -> None:
        try:
            self._open(state_dir)
        except OSError as error:
            reason = f"no state_dir to be used: {error}; make it, owned by the agent's user"
            raise BadConfig(path=state_dir, reason=reason) from None
        except sqlite3.Error as error:
            os.close(self._lock)
            advice = "is its disk full?" if isinstance(error, sqlite3.OperationalError) else _ASIDE
            reason = f"no journal to be opened: {error}; {advice}"
            raise BadConfig(path=state_dir / "journal.db", reason=reason) from None

    def _open(self, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise StateFolderInUse(path=state_dir) from None
        self._db = sqlite3.connect(state_dir / "journal.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        # A page that can't be read is to be told of now, and not by whatever needs it first.
        ((found,),) = self._db.execute("PRAGMA quick_check(1)")
        if found != "ok":
            raise sqlite3.DatabaseError(found.splitlines()[-1])
        self._synced: bool | None = None
        self._db.executescript(TABLES)
        if self._db.execute("PRAGMA user_version").fetchone()[0] < 1:
            self._db.executescript(SPOOL_COLUMNS)

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written in this block is on the disk behind it, by one sync, or not at all."""
        with self._transaction(synced=True):
            yield

    @contextmanager
    def _transaction(self, *, synced: bool) -> Iterator[sqlite3.Connection]:
        if self._db.in_transaction:
            yield self._db
            return
        if synced is not self._synced:
            self._db.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
            self._synced = synced
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def leases(self) -> list[int]:
        """The leases that this node's key may hang on from an earlier life, oldest first."""
        return [row[0] for row in self._db.execute("SELECT lease FROM lease ORDER BY id")]

    def add_lease(self, lease: int) -> None:
        """Remember a lease before it is used; the one before it may still hold the key."""
        with self._transaction(synced=True) as db:
            db.execute("INSERT INTO lease (lease) VALUES (?)", (lease,))
            db.execute("DELETE FROM lease WHERE id <= (SELECT max(id) FROM lease) - 4")

    def spool(self, report: bytes, *, job_id: str, run_id: str, worth: Worth) -> int:
        """Keep a report until ``unspool``; on the disk when this returns. It takes the place
        of what ``claim_offline`` noted of the run."""
        with self._transaction(synced=True) as db:
            _forget_run(db, job_id, run_id)
            return _insert(db, report, job_id, run_id, worth)

    def unspool(self, seq: int) -> None:
        with self._transaction(synced=False) as db:
            db.execute("DELETE FROM spool WHERE seq = ?", (seq,))

    def spooled(self, after: int = 0, most: int = 100) -> list[Spooled]:
        """Up to ``most`` reports behind the one numbered ``after``, oldest first."""
        rows = self._db.execute(
            "SELECT seq, job_id, report FROM spool WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, most),
        )
        return [Spooled(*row) for row in rows]

    def spool_size(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM spool").fetchone()[0])

    def newest_spooled(self) -> int:
        """The newest report's ``seq``, 0 if there is none."""
        return int(self._db.execute("SELECT coalesce(max(seq), 0) FROM spool").fetchone()[0])

    def untold(self) -> set[tuple[str, str]]:
        """Job and run ids of what is spooled."""
        return set(self._db.execute("SELECT job_id, run_id FROM spool"))

    def least_worth(self) -> Spooled | None:
        """What a full spool drops next: of the least worth the newest. None: nothing may go."""
        row = self._db.execute(
            "SELECT seq, job_id, report FROM spool WHERE worth < ?"
            " ORDER BY worth, seq DESC LIMIT 1",
            (Worth.KEPT,),
        ).fetchone()
        return Spooled(*row) if row else None

    def dropped(self, job_id: str) -> Spooled | None:
        """The report that tells how many of the job's were dropped before."""
        row = self._db.execute(
            "SELECT seq, job_id, report FROM spool WHERE job_id = ? AND worth = ?",
            (job_id, Worth.DROPPED),
        ).fetchone()
        return Spooled(*row) if row else None

    def drop(self, seq: int, report: bytes, *, job_id: str, run_id: str) -> None:
        """Drop a report. ``report`` counts it, in the place of the job's ``dropped`` one."""
        with self._transaction(synced=False) as db:
            db.execute("DELETE FROM spool WHERE seq = ?", (seq,))
            db.execute("DELETE FROM spool WHERE job_id = ? AND worth = ?", (job_id, Worth.DROPPED))
            _insert(db, report, job_id, run_id, Worth.DROPPED)

    def high_water(self) -> dict[str, int]:
        """The tick of each job that this node claimed last."""
        return dict(self._db.execute("SELECT job_id, tick FROM high_water"))

    def note_high_water(self, job_id: str, tick: int) -> None:
        with self._transaction(synced=False) as db:
            db.execute(
                "INSERT INTO high_water (job_id, tick) VALUES (?, ?)"
                " ON CONFLICT (job_id) DO UPDATE SET tick = excluded.tick",
                (job_id, tick),
            )

    def forget_high_water_beyond(self, tick: int) -> None:
        with self._transaction(synced=False) as db:
            db.execute("DELETE FROM high_water WHERE tick > ?", (tick,))

    def pinned(self) -> list[Pinned]:
        rows = self._db.execute(
            "SELECT job_id, key, value, revision, cursor, cursor_revision FROM pinned"
        )
        return [Pinned(*row) for row in rows]

    def remember_pinned(self, pinned: Pinned) -> None:
        with self._transaction(synced=False) as db:
            db.execute(
                "INSERT OR REPLACE INTO pinned VALUES (?, ?, ?, ?, ?, ?)",
                (
                    pinned.job_id,
                    pinned.key,
                    pinned.value,
                    pinned.revision,
                    pinned.cursor,
                    pinned.cursor_revision,
                ),
            )

    def forget_pinned(self, job_id: str) -> None:
        with self._transaction(synced=False) as db:
            db.execute("DELETE FROM pinned WHERE job_id = ?", (job_id,))

    def last_contact(self) -> float | None:
        """When etcd was there last (unix seconds); None if it never was."""
        found = self._db.execute("SELECT at FROM contact").fetchone()
        return float(found[0]) if found else None

    def note_contact(self, at: float) -> None:
        with self._transaction(synced=False) as db:
            db.execute("INSERT OR REPLACE INTO contact VALUES (1, ?)", (at,))

    def history(self) -> tuple[str, int, int] | None:
        """Incarnation, cluster id and revision of the etcd that was there last."""
        row = self._db.execute("SELECT incarnation, cluster, revision FROM history").fetchone()
        return (row[0], int(row[1], 16), row[2]) if row else None

    def note_history(self, incarnation: str, cluster_id: int, revision: int) -> None:
        with self._transaction(synced=False) as db:
            db.execute(
                "INSERT OR REPLACE INTO history VALUES (1, ?, ?, ?)",
                (incarnation, f"{cluster_id:x}", revision),
            )

    def pass_offline(self, job_id: str, tick: int) -> None:
        """A pinned job's ticks up to this one are accounted for without etcd; on the disk when
        this returns."""
        with self._transaction(synced=True) as db:
            db.execute("INSERT OR REPLACE INTO offline VALUES (?, ?)", (job_id, tick))

    def claim_offline(self, job_id: str, tick: int, *, run_id: str, run: bytes) -> None:
        """A pinned job's tick is taken without etcd, by a run whose end is to be told; on the disk
        when this returns."""
        with self._transaction(synced=True) as db:
            db.execute("INSERT OR REPLACE INTO offline VALUES (?, ?)", (job_id, tick))
            db.execute("INSERT OR REPLACE INTO offline_run VALUES (?, ?, ?)", (job_id, run_id, run))

    def offline_runs(self) -> list[bytes]:
        """The runs that were claimed without etcd, and whose end is neither spooled nor told."""
        return [row[0] for row in self._db.execute("SELECT run FROM offline_run ORDER BY run_id")]

    def forget_offline_run(self, job_id: str, run_id: str) -> None:
        """Its end is told."""
        with self._transaction(synced=True) as db:
            _forget_run(db, job_id, run_id)

    def offline(self) -> dict[str, int]:
        """The newest tick of each job that was taken without etcd, and that etcd doesn't know."""
        return dict(self._db.execute("SELECT job_id, tick FROM offline"))

    def taken_offline(self, job_id: str) -> int | None:
        """That tick of a job that is this node's still; None where etcd knows all."""
        row = self._db.execute(
            "SELECT tick FROM offline JOIN pinned USING (job_id) WHERE job_id = ?", (job_id,)
        ).fetchone()
        return row[0] if row else None

    def settle_offline(self, job_id: str, tick: int) -> None:
        """Etcd's cursor stands at ``tick``, and a next life without etcd goes on from there; a
        later one, taken meanwhile, stays."""
        with self._transaction(synced=False) as db:
            db.execute(
                "UPDATE pinned SET cursor = ? WHERE job_id = ? AND cursor < ?", (tick, job_id, tick)
            )
            db.execute("DELETE FROM offline WHERE job_id = ? AND tick <= ?", (job_id, tick))


def _forget_run(db: sqlite3.Connection, job_id: str, run_id: str) -> None:
    db.execute("DELETE FROM offline_run WHERE job_id = ? AND run_id = ?", (job_id, run_id))


def _insert(db: sqlite3.Connection, report: bytes, job_id: str, run_id: str, worth: Worth) -> int:
    added = db.execute(
        "INSERT INTO spool (report, job_id, run_id, worth) VALUES (?, ?, ?, ?)",
        (report, job_id, run_id, worth),
    )
    assert added.lastrowid is not None
    return added.lastrowid
