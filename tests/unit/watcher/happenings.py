"""What happens to a cluster while somebody leads it: nodes, jobs and runs come and go."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from crony_ops.model.job import RunOn
from crony_ops.model.node import Cordon, Node, Pause
from crony_ops.model.run import OpenRun, RunRecord, RunState
from crony_ops.model.spec import Assignment
from crony_ops.store import Txn, delete, put
from crony_ops.store.endings import end_run
from tests.unit.watcher.picture import NOON, Picture, http_job
from tests.unit.watcher.test_failover import shell_job
from tests.unit.watcher.witness import Witness

Event = tuple[Any, ...]
"""The name of a method of the machine, and its arguments."""

JOBS = {
    "roams": http_job(on_node_loss="rerun"),
    "roams.5": http_job(schedule="*/5 * * * *"),
    "web": http_job(run_on=RunOn(group="web")),
    "pinned": http_job(run_on=RunOn(node="a"), on_node_loss="rerun"),
    "everywhere": http_job(run_on=RunOn(every=True)),
    "strands": shell_job(),
    "preset": http_job(),
}
PRESET_SUMS = {"preset": {"p": "s1"}}

IDS = ["j", "k", "l", "m"]
NAMES, JOB_IDS = st.sampled_from(["a", "b", "c"]), st.sampled_from(IDS)
GROUPS = st.sampled_from([(), ("web",)])
OFFERED = st.sampled_from([(), ("s1",)])
EITHER = st.booleans()
INDEX = st.integers(0, 3)
EVENTS = st.one_of(
    st.tuples(st.just("a_node_comes"), NAMES, GROUPS, OFFERED),
    st.tuples(st.just("a_node_dies"), NAMES),
    st.tuples(st.just("a_node_dies"), NAMES),
    st.tuples(st.just("a_node_is_cordoned"), NAMES, EITHER),
    st.tuples(st.just("a_node_is_uncordoned"), NAMES),
    st.tuples(st.just("a_lost_node_is_forgotten"), NAMES),
    st.tuples(st.just("a_clock_goes_wrong_or_right"), NAMES),
    st.tuples(st.just("a_spec_is_written"), JOB_IDS, st.sampled_from(sorted(JOBS))),
    st.tuples(st.just("a_spec_is_removed"), JOB_IDS),
    st.tuples(st.just("a_job_is_paused"), JOB_IDS, st.sampled_from([None, 5])),
    st.tuples(st.just("a_node_claims"), INDEX),
    st.tuples(st.just("a_node_claims"), INDEX),
    st.tuples(st.just("a_run_ends"), INDEX),
    st.tuples(st.just("time_passes"), st.sampled_from([1, 11, 700])),
)


class Happenings:
    """``witness`` hears of what makes the counts of a failover a matter of when who looked."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = Picture()
        self.keys, self.model = self.picture.keys, self.picture.etcd
        self.witness = Witness(self.keys)
        self.now = NOON
        self.incarnation = 0
        self.clocks: dict[str, float | None] = {}
        self.epochs: dict[tuple[str, int], str] = {}
        self.claimed: set[tuple[str, str]] = set()

    def happen(self, events: list[Event]) -> None:
        for name, *arguments in events:
            getattr(self, name)(*arguments)

    def a_node_comes(self, name: str, groups: tuple[str, ...], offered: tuple[str, ...]) -> None:
        """Anew, or with other presets. What it had open when it died it closes itself."""
        key = self.keys.node(f"u-{name}")
        there = self.model.get(key)
        if there is None:
            self.incarnation += 1
            self.witness.comes(f"u-{name}", self.incarnation)
            for run in self.open_runs():
                if run.node == f"u-{name}":
                    self.close(run, RunState.lost)
        incarnation = self.incarnation if there is None else Node.from_json(there.value).incarnation
        node = Node(
            uuid=f"u-{name}",
            name=name,
            incarnation=incarnation,
            groups=groups,
            presets={"p": offered} if offered else {},
        )
        self.model.put(key, node.to_json())

    def a_node_dies(self, name: str) -> None:
        self.model.delete(self.keys.node(f"u-{name}"))

    def a_node_is_cordoned(self, name: str, evict: bool) -> None:
        order = Cordon(who="ops", at=self.now, evict=evict)
        self.model.put(self.keys.cordon(f"u-{name}"), order.to_json())

    def a_node_is_uncordoned(self, name: str) -> None:
        self.model.delete(self.keys.cordon(f"u-{name}"))

    def a_lost_node_is_forgotten(self, name: str) -> None:
        if self.model.get(self.keys.node(f"u-{name}")) is None:
            self.witness.disturbed()
            self.model.delete(self.keys.roster(f"u-{name}"))
            self.model.delete(self.keys.cordon(f"u-{name}"))
            self.now += 1

    def a_clock_goes_wrong_or_right(self, name: str) -> None:
        uuid = f"u-{name}"
        self.clocks[uuid] = None if self.clocks.get(uuid) else 7.0

    def a_spec_is_written(self, job_id: str, kind: str) -> None:
        self.witness.disturbed()
        self.picture.want(job_id, JOBS[kind], PRESET_SUMS.get(kind))

    def a_spec_is_removed(self, job_id: str) -> None:
        if self.model.get(self.keys.spec(job_id)) is not None:
            self.witness.disturbed()
            removal = Pause(who="sync", at=self.now, removal=True)
            gone = delete(self.keys.spec(job_id))
            self.model.apply(Txn((), (gone, put(self.keys.pause(job_id), removal.to_json()))))

    def a_job_is_paused(self, job_id: str, seconds: int | None) -> None:
        """Or resumed, if it is."""
        there = self.model.get(self.keys.pause(job_id))
        if there is None and self.model.get(self.keys.spec(job_id)) is not None:
            until = None if seconds is None else self.now + seconds
            pause = Pause(who="ops", at=self.now, until=until)
            self.model.put(self.keys.pause(job_id), pause.to_json())
        elif there is not None and not Pause.from_json(there.value).removal:
            self.model.delete(self.keys.pause(job_id))

    def a_node_claims(self, index: int) -> None:
        entitled = []
        for key, entry in self.model.prefix(self.keys.jobs).items():
            node, job_id = key.removeprefix(self.keys.jobs).split("/")
            given = Assignment.from_json(entry.value)
            free = self.model.get(self.keys.pause(job_id)) is None and not given.leaving
            if free and self.model.get(self.keys.node(node)):
                entitled.append((node, job_id, given.job.run_on.every))
        if not entitled:
            return
        node, job_id, every = entitled[index % len(entitled)]
        stood = self.picture.cursor(job_id, node if every else "")
        if stood is not None:
            run = self.picture.claim(node.removeprefix("u-"), job_id, max(stood + 1, self.now))
            holder = self.epochs.setdefault((job_id, run.epoch), node)
            assert every or holder == node, "two nodes under one epoch"
            assert (job_id, run.run_id) not in self.claimed, "claimed twice"
            self.claimed.add((job_id, run.run_id))

    def a_run_ends(self, index: int) -> None:
        running = [run for run in self.open_runs() if self.model.get(self.keys.node(run.node))]
        if running:
            state = RunState.succeeded if index % 2 else RunState.failed
            self.close(running[index % len(running)], state)

    def open_runs(self) -> list[OpenRun]:
        return [OpenRun.from_json(e.value) for e in self.model.prefix(self.keys.opens).values()]

    def close(self, run: OpenRun, state: RunState) -> None:
        record = RunRecord.of_run(run, state, node_name=run.node, ended_at=self.now)
        self.model.apply(Txn((), tuple(end_run(self.keys, record, news=True, rerun=None))))

    def time_passes(self, seconds: int) -> None:
        self.now += seconds
