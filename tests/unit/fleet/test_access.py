"""Who may touch what in etcd: what a node has no right to, what it needs, and the way there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.fleet.access import Access, Action, Step, Stored, access, of_a_node, plan
from crony_ops.model.job import Job
from crony_ops.model.node import node_uuid
from crony_ops.model.run import QueuedRun, RunRecord
from crony_ops.model.spec import Assignment
from crony_ops.node.report import Report, dropped_end, end_once
from crony_ops.node.ticks import claims
from crony_ops.node.ticks.claims import Claimant
from crony_ops.node.ticks.holding import Holding
from crony_ops.node.ticks.inbox import watched
from crony_ops.schedule import Gap, MissedTicks
from crony_ops.store import Entry, Op, Txn, delete
from crony_ops.store.endings import record_gap
from crony_ops.store.keys import Keys
from crony_ops.store.permission import Permission, Right
from crony_ops.store.txn import Action as OpAction
from crony_ops.store.wire import encode_key, prefix_end

KEYS = Keys()
NOON = 1_800_000_000
RUN = "20270115T080000Z-r1"
ME = node_uuid("c", "h1")
MINE = of_a_node(KEYS, ME)


def permits(permissions: Iterable[Permission], right: Right, key: str, prefix: bool) -> bool:
    """As etcd judges a range, but that one permission has to cover it."""
    start = encode_key(key)
    end = prefix_end(start) if prefix else start + b"\0"
    return any(
        permission.right in (right, Right.readwrite)
        and permission.key <= start
        and end <= (permission.end or permission.key + b"\0")
        for permission in permissions
    )


def touched(txn: Txn) -> Iterator[tuple[Right, str, bool]]:
    """All that any branch of a transaction reads or writes, nested ones too."""
    yield from ((Right.read, compare.key, compare.prefix) for compare in txn.when)
    for op in (*txn.then, *txn.otherwise):
        if isinstance(op, Op):
            yield (Right.read if op.action is OpAction.GET else Right.write), op.key, op.prefix
        else:
            yield from touched(op)


def agents_transactions() -> Iterator[Txn]:
    me = Claimant(KEYS, ME, "h1", 77)
    queued = QueuedRun(run_id=RUN, tick=NOON, reason="lost", rerun=1)
    entry = Entry("", b"", 5, 5, 1, 0)
    for fields in ({}, {"run_on": {"every": True}}):
        job = Job.model_validate({"schedule": "* * * * *", "shell": "true", **fields})
        assignment = Assignment(job=job, sha256="s", spec_revision=1).to_json()
        holding = Holding.read("j", KEYS.job(ME, "j"), assignment, 5, KEYS, ME)
        yield claims.claim_tick(me, holding, NOON, NOON)[0]
        in_queue = replace(entry, key=KEYS.queued("j", RUN))
        yield claims.claim_queued(me, holding, queued, in_queue, NOON)[0]
        yield claims.claim_once(me, holding, replace(entry, key=KEYS.once("j")), RUN, NOON)[0]
        missed = MissedTicks(NOON, (NOON,), Gap(NOON - 120, NOON - 60, 2))
        yield claims.account(me, holding, missed, NOON)
    record = RunRecord.model_validate(
        {
            "run_id": RUN,
            "job_id": "j",
            "tick": NOON,
            "node": ME,
            "node_name": "h1",
            "state": "failed",
            "ended_at": NOON,
        }
    )
    for offline in (False, True):
        report = Report(record=record, rerun=queued, offline=offline)
        yield end_once(KEYS, report, record, [delete(KEYS.run("j", "r0"))])
    yield Txn((), tuple(record_gap(KEYS, dropped_end(record, None))))


def test_a_node_may_do_all_that_its_agents_transactions_do() -> None:
    """Some etcds don't ask for rights in nested transactions: this does."""
    for txn in agents_transactions():
        for right, key, prefix in touched(txn):
            assert permits(MINE, right, key, prefix), (right, key)


def test_a_node_may_list_and_watch_what_its_agent_follows() -> None:
    for prefix in (*watched(KEYS, ME), KEYS.open_on(ME), KEYS.runs_of("j"), KEYS.meta):
        assert permits(MINE, Right.read, prefix, prefix=True), prefix


def test_a_node_has_no_right_to_what_gives_work_or_belongs_to_another() -> None:
    other = node_uuid("c", "h2")
    for key in (
        *(KEYS.job(ME, "j"), KEYS.job(other, "j"), KEYS.spec("j"), KEYS.leader, KEYS.meta),
        *(KEYS.node(other), KEYS.node(f"{ME}0"), KEYS.proc(other, "j", 1), KEYS.sync),
        *(KEYS.open(other, "j", "r"), KEYS.kill(other, "j", "r"), KEYS.pause("j")),
        *(KEYS.system_switch(ME), KEYS.cordon(ME), KEYS.roster(ME), KEYS.health("j")),
        *(KEYS.watcher("w"), KEYS.alert("a"), KEYS.failover(ME, 1), KEYS.rebalance),
    ):
        assert not permits(MINE, Right.write, key, prefix=False), key
    for key in (KEYS.jobs_of(other), KEYS.specs, KEYS.nodes, KEYS.opens, KEYS.procs_of(other)):
        assert not permits(MINE, Right.read, key, prefix=True), key


def test_everybody_has_a_user_of_their_own_name() -> None:
    found = access(KEYS, "c", nodes=["h1"], watchers=["h1", "w2"], operators=["operator"])
    whole = frozenset({Permission.under(Right.readwrite, "/crony/")})
    assert found == {
        "root": frozenset(),
        "operator": whole,
        "watcher-h1": whole,
        "watcher-w2": whole,
        "node-h1": MINE,
    }


A, B = Permission.on(Right.read, "/a"), Permission.under(Right.write, "/b/")
WRITE_A = replace(A, right=Right.readwrite)
DONE = Stored(
    enabled=True, users={"u": frozenset({"u"})}, roles={"u": frozenset({A}), "root": frozenset()}
)


@pytest.mark.parametrize(
    ("wanted", "absent", "stored", "steps"),
    [
        (
            *({"u": {A, B}}, [], Stored()),
            [
                *("add role u", "permit u read /a", "permit u write /b/*"),
                *("add user u", "give role u u", "turn authentication on"),
            ],
        ),
        ({"u": {A}}, [], DONE, []),
        ({"u": {WRITE_A}}, [], DONE, ["permit u readwrite /a"]),
        ({"u": {B}}, [], DONE, ["permit u write /b/*", "forbid u read /a"]),
        ({"u": {A}}, [], replace(DONE, enabled=False), ["turn authentication on"]),
        (
            *({"u": {A}}, [], replace(DONE, users={"u": frozenset({"root"})})),
            ["give role u u", "take role u root"],
        ),
        ({}, ["u"], DONE, ["delete user u", "delete role u"]),
        ({}, ["v"], DONE, []),
        ({}, [], DONE, []),
    ],
)
def test_the_way_from_what_etcd_has_to_what_is_wanted(
    wanted: dict[str, set[Permission]], absent: list[str], stored: Stored, steps: list[str]
) -> None:
    told = {name: frozenset(permissions) for name, permissions in wanted.items()}
    assert [str(step) for step in plan(told, absent, stored)] == steps


def carry_out(stored: Stored, steps: Iterable[Step]) -> Stored:
    enabled = stored.enabled
    users = {name: set(roles) for name, roles in stored.users.items()}
    roles = {
        name: {permission.span: permission for permission in permissions}
        for name, permissions in stored.roles.items()
    }
    for step in steps:
        match step.action:
            case Action.add_role:
                assert step.name not in roles
                roles[step.name] = {}
            case Action.permit:
                assert step.permission
                roles[step.name][step.permission.span] = step.permission
            case Action.forbid:
                assert step.permission
                del roles[step.name][step.permission.span]
            case Action.add_user:
                assert step.name not in users
                users[step.name] = set()
            case Action.give_role:
                users[step.name].add(step.role)
            case Action.take_role:
                users[step.name].remove(step.role)
            case Action.delete_user:
                del users[step.name]
            case Action.delete_role:
                del roles[step.name]
            case Action.enable:
                enabled = True
    return Stored(
        enabled,
        {name: frozenset(held) for name, held in users.items()},
        {name: frozenset(held.values()) for name, held in roles.items()},
    )


PERMISSIONS = st.dictionaries(
    st.sampled_from(["/a", "/b", "/c"]), st.sampled_from(list(Right)), max_size=3
).map(lambda rights: frozenset(Permission.on(right, key) for key, right in rights.items()))
NAMES = st.sampled_from(["u", "v", "w"])


@given(
    wanted=st.dictionaries(NAMES, PERMISSIONS, max_size=3),
    stored=st.builds(
        Stored,
        st.booleans(),
        st.dictionaries(NAMES, st.frozensets(NAMES), max_size=3),
        st.dictionaries(NAMES, PERMISSIONS, max_size=3),
    ),
)
def test_what_is_planned_brings_it_about_from_wherever_things_stand(
    wanted: Access, stored: Stored
) -> None:
    absent = {"u", "v", "w"} - set(wanted)
    steps = plan(wanted, sorted(absent), stored)
    after = carry_out(stored, steps)
    assert after.enabled
    assert after.roles == dict(wanted)
    assert after.users == {name: frozenset({name}) for name in wanted}
    assert plan(wanted, sorted(absent), after) == []
    for name in wanted:  # nobody is without what was right and stays right, in between
        kept = stored.roles.get(name, frozenset()) & wanted[name]
        for count in range(len(steps)):
            assert kept <= carry_out(stored, steps[:count]).roles.get(name, kept)
