"""Each check of `doctor` on a fleet with one illness, and what it says then."""

from __future__ import annotations

import pytest

from crony_ops.fleet.doctor.diagnosis import CHECKS, diagnose, worst
from crony_ops.fleet.doctor.facts import Certificate, Facts, Page
from crony_ops.fleet.doctor.finding import Check, Verdict
from crony_ops.model.job import Job
from crony_ops.model.node import PresetFailure, Roster
from crony_ops.model.spec import Source, Spec
from crony_ops.store.leases import LeaseStatus
from tests.unit.fleet.patients import (
    DAY,
    GIB,
    NOW,
    SPECS,
    SUM,
    cluster,
    disk,
    facts,
    host,
    member,
    node,
    said,
    unit,
    with_h1,
)

FAIL, WARN = Verdict.failed, Verdict.warning
OTHER = "cd" * 32
LOST = cluster(
    alive=frozenset({"u-h2", "u-h3"}),
    nodes=(node("h2"), node("h3")),
    rosters={"u-h1": Roster(node=node("h1"), seen_at=NOW, lost_at=NOW - 300)},
)
ETCD_HOST = frozenset({"etcd"})
BACKUPS = {"etcd.service": unit(), "crony-etcd-backup.timer": unit(sub="waiting")}

# The fleet; of the check that finds it: verdict, where, and some words of what it says or hints at.
ILLNESSES: list[tuple[str, Facts, Check, Verdict, str, str]] = [
    (
        "a member is down",
        facts(members=(member("e1"), member("e2"), member("e3", error="x: Connection refused"))),
        *(Check.etcd, FAIL, "e3", "does not answer: Connection refused; if one more goes"),
    ),
    (
        "two members are down",
        facts(members=(member("e1"), member("e2", error="x"), member("e3", error="x"))),
        *(Check.etcd, FAIL, "", "there is no quorum: 1 of 3 members answer"),
    ),
    (
        "nobody leads in etcd",
        facts(members=(member("e1", is_leader=False),)),
        *(Check.etcd, FAIL, "", "no leader: nothing can be claimed"),
    ),
    (
        "etcd refuses to be read",
        facts(cluster=None, cluster_error="etcd refused: permission denied"),
        *(Check.etcd, FAIL, "", "permission denied"),
    ),
    (
        "etcd's database fills",
        facts(members=(member("e1", db_size=1.6 * GIB),)),
        *(Check.etcd, WARN, "e1", "80% full"),
    ),
    (
        "etcd's database is as good as full, by a quota that is not told",
        facts(members=(member("e1", db_size=1.9 * GIB, quota=None),)),
        *(Check.etcd, FAIL, "e1", "95% full: 1.9 GiB of 2.0 GiB (unless it is told"),
    ),
    (
        "etcd is out of space",
        facts(members=(member("e1", alarms=("NOSPACE",)),)),
        *(Check.etcd, FAIL, "e1", "etcdctl alarm disarm"),
    ),
    (
        "members of two versions",
        facts(members=(member("e1"), member("e2", version="3.4.2"))),
        *(Check.etcd, WARN, "", "3.4.2, 3.5.9"),
    ),
    (
        "no watcher leads",
        facts(cluster=cluster(leader=None)),
        *(Check.cluster, FAIL, "", "no watcher leads"),
    ),
    (
        "one watcher alone",
        facts(cluster=cluster(watchers=cluster().watchers[:1])),
        *(Check.cluster, WARN, "", "w1 is the only watcher"),
    ),
    (
        "a host without an agent",
        facts(cluster=cluster(nodes=(node("h1"), node("h2")))),
        *(Check.cluster, FAIL, "h3", "crony-ops rollout nodes --limit h3"),
    ),
    ("a node is lost", facts(cluster=LOST), Check.cluster, FAIL, "h1", "its agent is lost for 5 m"),
    (
        "a node's key hangs on nothing",
        facts(cluster=cluster(leases=())),
        *(Check.cluster, FAIL, "h1", "hangs on no lease"),
    ),
    (
        "an agent hangs",
        with_h1(pages={"crony-node.service": Page(status=0, reasons=("timed out",))}),
        *(Check.cluster, FAIL, "h1", "does not answer: timed out"),
    ),
    (
        "an agent is not well",
        with_h1(pages={"crony-node.service": Page(status=503, reasons=("etcd is away",))}),
        *(Check.cluster, FAIL, "h1", "not well: etcd is away"),
    ),
    (
        "an agent does not renew its key",
        facts(cluster=cluster(nodes=(node("h1", renewed_at=NOW - 600), node("h2"), node("h3")))),
        *(Check.cluster, WARN, "h1", "last renewed its key 10 m ago"),
    ),
    (
        "leases of nobody",
        facts(cluster=cluster(leases=(*(cluster().leases or ()), LeaseStatus(255, 60, 42, ())))),
        *(Check.cluster, WARN, "", "in 42 s it is gone; else etcdctl lease revoke ff"),
    ),
    (
        "leases are not told",
        facts(cluster=cluster(leases=None, leases_error="etcd refused: permission denied")),
        *(Check.cluster, WARN, "", "does not tell its leases"),
    ),
    (
        "runs of a node that is gone",
        facts(cluster=cluster(opens=(("u-h9", "dump", "20261122T184500Z-s"),))),
        *(Check.cluster, WARN, "u-h9", "1 run open on it without an agent: dump 2026"),
    ),
    (
        "a value that can't be read",
        facts(cluster=cluster(unreadable=("/crony/spec/x",))),
        *(Check.cluster, FAIL, "", "/crony/spec/x"),
    ),
    (
        "a host can't be reached",
        facts(hosts=(host("h1", error="h1 can't be reached by ssh: x", login="root@10.0.0.1"),)),
        *(Check.hosts, FAIL, "h1", "ssh root@10.0.0.1"),
    ),
    (
        "no inventory",
        facts(hosts=None),
        *(Check.hosts, WARN, "", "crony-ops doctor --inventory PATH"),
    ),
    ("no host", facts(hosts=()), Check.hosts, WARN, "", "no such host in its groups"),
    ("no root", with_h1(root=False), Check.hosts, WARN, "h1", "sudo -n"),
    (
        "a unit that is stopped",
        with_h1(units={"crony-node.service": unit(active="inactive", sub="dead")}),
        *(Check.units, FAIL, "h1", "is inactive → ssh h1 systemctl start crony-node"),
    ),
    (
        "a unit that failed",
        with_h1(units={"crony-node.service": unit(active="failed", sub="failed", result="signal")}),
        *(Check.units, FAIL, "h1", "is failed (signal) → ssh h1 journalctl -u crony-node"),
    ),
    (
        "a unit that begins again and again",
        with_h1(units={"crony-node.service": unit(active="activating", sub="auto-restart")}),
        *(Check.units, FAIL, "h1", "activating, auto-restart"),
    ),
    (
        "a unit that is not there",
        with_h1(units={"crony-node.service": unit(load="not-found", active="inactive")}),
        *(Check.units, FAIL, "h1", "crony-ops rollout nodes --limit h1"),
    ),
    (
        "a unit that was started again",
        with_h1(units={"crony-node.service": unit(restarts=2, since=NOW - 120)}),
        *(Check.units, WARN, "h1", "started again 2 times, 2 m ago last"),
    ),
    (
        "a unit that does not come back after a boot",
        with_h1(units={"crony-node.service": unit(enabled="disabled")}),
        *(Check.units, WARN, "h1", "systemctl enable crony-node.service"),
    ),
    ("no systemd", with_h1(units={}), Check.units, FAIL, "h1", "systemd does not answer"),
    (
        "a backup that failed",
        facts(
            hosts=(
                host(
                    "e1",
                    said(units={**BACKUPS, "crony-etcd-backup.service": unit(result="exit-code")}),
                    groups=ETCD_HOST,
                ),
            )
        ),
        *(Check.units, FAIL, "e1", "crony-etcd-backup.service failed"),
    ),
    (
        "an agent of another version",
        facts(cluster=cluster(nodes=(node("h1", version="1.1.0"), node("h2"), node("h3")))),
        *(Check.versions, WARN, "", "most run 1.2.0, but agent h1 1.1.0"),
    ),
    (
        "an agent that was not restarted",
        with_h1(installed="1.3.0-00000000"),
        *(Check.versions, WARN, "h1", "runs 1.2.0, and 1.3.0 is installed"),
    ),
    ("an old crony-ops", facts(version="1.0.0"), Check.versions, WARN, "here", "1.0.0"),
    ("a clock ahead", with_h1(at=NOW + 91), Check.clocks, FAIL, "h1", "+90.0 s off the median"),
    ("a clock behind", with_h1(at=NOW - 31), Check.clocks, FAIL, "h1", "-30.0 s off the median"),
    (
        "this machine's clock is wrong",
        facts(hosts=tuple(host(f"h{n}", said(at=NOW + 61)) for n in (1, 2, 3))),
        *(Check.clocks, FAIL, "here", "-60.0 s off the median"),
    ),
    (
        "of two clocks one is wrong",
        facts(hosts=(host("h1", said(at=NOW + 61)),)),
        *(Check.clocks, WARN, "h1", "one of the two is wrong"),
    ),
    (
        "the leader knows of a wrong clock",
        facts(
            hosts=None,
            cluster=cluster(
                rosters={"u-h1": Roster(node=node("h1"), seen_at=NOW, clock_offset=-9.0)}
            ),
        ),
        *(Check.clocks, FAIL, "h1", "-9.0 s off the median, the leader says"),
    ),
    (
        "a clock that nobody sets",
        with_h1(synchronized=False),
        *(Check.clocks, WARN, "h1", "not synchronized"),
    ),
    (
        "a preset that is ready nowhere",
        facts(cluster=cluster(nodes=tuple(node(f"h{n}", presets={}) for n in (1, 2, 3)))),
        *(Check.presets, FAIL, "", f"pg at {SUM[:12]} is ready nowhere; dump can't run"),
    ),
    (
        "a preset that fails",
        facts(
            cluster=cluster(
                nodes=(
                    node("h1", preset_failures={"pg": PresetFailure(reason="exit 1", at=NOW)}),
                    node("h2"),
                    node("h3"),
                )
            )
        ),
        *(Check.presets, FAIL, "h1", "pg is not ready: exit 1"),
    ),
    (
        "a script of another version",
        with_h1(presets={"pg": OTHER}),
        *(Check.presets, WARN, "h1", f"pg.sh is {OTHER[:12]} there, and jobs want {SUM[:12]}"),
    ),
    (
        "a script that the agent does not offer",
        with_h1(presets={"pg": SUM, "new": OTHER}),
        *(Check.presets, WARN, "h1", "new.sh lies there"),
    ),
    (
        "a script that is gone",
        with_h1(presets={}),
        *(Check.presets, WARN, "h1", "no such script lies there"),
    ),
    (
        "a full disk",
        with_h1(disks=(disk(free=3 * 2**20),)),
        *(Check.disks, FAIL, "h1", "/var/lib/crony is full: 3.0 MiB of 10 GiB free, of it 1.0 MiB"),
    ),
    (
        "a disk that fills",
        with_h1(disks=(disk(free=GIB // 2),)),
        *(Check.disks, WARN, "h1", "has 5% left"),
    ),
    (
        "a disk with too many files",
        with_h1(disks=(disk(files_free=9),)),
        *(Check.disks, FAIL, "h1", "9 more files"),
    ),
    (
        "a certificate that has ended",
        facts(certificates=(Certificate("node.pem", "h1", 0, NOW - 2 * DAY),)),
        *(Check.certificates, FAIL, "h1", "node.pem ended 2 d ago"),
    ),
    (
        "a certificate that ends this week",
        facts(certificates=(Certificate("node.pem", "h1", 0, NOW + 3 * DAY),)),
        *(Check.certificates, FAIL, "h1", "crony-ops rollout --limit h1"),
    ),
    (
        "a certificate that should have been renewed",
        facts(certificates=(Certificate("ca.pem", "here", 0, NOW + 20 * DAY),)),
        *(Check.certificates, WARN, "here", "ca.pem ends in 20 d"),
    ),
    (
        "a certificate of tomorrow",
        facts(certificates=(Certificate("node.pem", "h1", NOW + 7_200, NOW + DAY),)),
        *(Check.certificates, FAIL, "h1", "not valid for another 2 h"),
    ),
    (
        "a certificate that can't be read",
        facts(certificates=(Certificate("node.pem", "h1", error="it is no certificate"),)),
        *(Check.certificates, WARN, "h1", "no certificate"),
    ),
    ("no sync", facts(cluster=cluster(sync=None)), Check.jobs, WARN, "", "crony-ops sync"),
    (
        "a job that was edited here",
        facts(job_sums={"dump": "x", "new": "y"}, drift="1 file in jobs changed"),
        *(Check.jobs, WARN, "", "2 jobs are not as in the files here: dump, new (1 file in jobs"),
    ),
    (
        "a job that was written by hand",
        facts(
            cluster=cluster(
                specs={
                    "dump": Spec.of(
                        Job.model_validate({"schedule": "@daily", "shell": "y"}),
                        Source(file="jobs/a.yaml"),
                        {},
                    )
                }
            ),
            job_sums=None,
        ),
        *(Check.jobs, WARN, "", "something else has written them"),
    ),
]


@pytest.mark.parametrize(
    ("patient", "check", "verdict", "where", "words"),
    [illness[1:] for illness in ILLNESSES],
    ids=[illness[0] for illness in ILLNESSES],
)
def test_an_illness_is_found_where_it_is(
    patient: Facts, check: Check, verdict: Verdict, where: str, words: str
) -> None:
    found = CHECKS[check](patient)
    assert [f for f in found if f.verdict is Verdict.passed] == []
    mine = [f for f in found if (f.verdict, f.where) == (verdict, where)]
    assert words in "\n".join(f"{f.says} → {f.hint}" for f in mine), found
    assert all(f.hint and "\n" not in f.says + f.hint for f in found)


def test_a_healthy_fleet_passes_every_check_once() -> None:
    found = diagnose(facts())
    assert [finding.check for finding in found] == list(Check)
    assert {finding.verdict for finding in found} == {Verdict.passed}
    assert worst(found) is Verdict.passed
    assert all(not finding.hint for finding in found)


def test_the_gravest_comes_first_and_then_the_order_of_the_checks() -> None:
    found = diagnose(
        facts(
            hosts=None,
            certificates=(Certificate("x.pem", "h1", 0, NOW - DAY),),
            members=(member("e1"), member("e2"), member("e3", error="x")),
        )
    )
    assert [(f.verdict, f.check) for f in found][:3] == [
        (FAIL, Check.etcd),
        (FAIL, Check.certificates),
        (WARN, Check.hosts),
    ]
    assert worst(found) is FAIL


@pytest.mark.parametrize("guarded", [True, False, None])
def test_an_etcd_that_guards_no_nested_transaction_is_well_but_warned_of(
    guarded: bool | None,
) -> None:
    found = CHECKS[Check.etcd](facts(cluster=cluster(guarded=guarded)))
    assert found[0].verdict is Verdict.passed
    warned = ["run etcd 3.4.44" in f.hint for f in found if f.verdict is WARN]
    assert warned == ([True] if guarded is False else [])


def test_without_etcd_the_hosts_are_judged_all_the_same() -> None:
    found = diagnose(facts(cluster=None, cluster_error="etcd can't be reached"))
    told = {finding.check for finding in found}
    assert {Check.etcd, Check.hosts, Check.units, Check.disks, Check.clocks} <= told
    assert not told & {Check.presets, Check.jobs, Check.cluster, Check.versions}


def test_an_offset_within_the_time_of_the_question_is_none() -> None:
    """It was read somewhere between the question and the answer, 60 s apart here."""
    slow = host("h1", said(at=NOW + 20), asked=NOW - 30, answered=NOW + 30)
    assert [f.verdict for f in CHECKS[Check.clocks](facts(hosts=(slow,)))] == [Verdict.passed]


def test_jobs_that_a_sync_left_without_pruning_are_nobodys_handiwork() -> None:
    more = SPECS | {"kept": SPECS["dump"]}
    found = CHECKS[Check.jobs](facts(cluster=cluster(specs=more), job_sums=None))
    assert [finding.verdict for finding in found] == [Verdict.passed]


def test_a_look_at_some_hosts_says_nothing_of_others_that_are_lost() -> None:
    some = facts(cluster=LOST, hosts=(host("h2", said()),), whole=False)
    assert not [f for f in CHECKS[Check.cluster](some) if f.where == "h1"]


def test_a_lease_of_a_day_that_a_cursor_has_left_is_no_fault() -> None:
    left = LeaseStatus(255, 86_400, 80_000, ())
    found = CHECKS[Check.cluster](facts(cluster=cluster(leases=(*(cluster().leases or ()), left))))
    assert [finding.verdict for finding in found] == [Verdict.passed]


def test_what_a_hostile_host_says_stays_on_a_line_and_out_of_the_terminals_way() -> None:
    reasons = ("\x1b[2Jgone\nfail  etcd  all is lost " + "x" * 1_000,)
    found = CHECKS[Check.cluster](
        with_h1(pages={"crony-node.service": Page(status=503, reasons=reasons)})
    )
    assert [f.says[:42] for f in found] == ["its agent is not well: ?[2Jgone fail etcd "]
    assert len(found[0].says) == 300
