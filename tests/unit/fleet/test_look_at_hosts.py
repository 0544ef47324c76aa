"""What a host is asked, by what the inventory says of it."""

from __future__ import annotations

import pytest

from crony_ops.fleet.doctor.look_at_hosts import question_for


@pytest.mark.parametrize(
    ("told", "watched"),
    [
        ({}, "/var/lib/etcd/crony"),
        ({"crony_etcd_data_dir": "/srv/etcd"}, "/srv/etcd"),
        ({"crony_etcd_data_dir": "{{ disk }}/etcd"}, "/var/lib/etcd/crony"),
        ({"crony_etcd_data_dir": None}, "/var/lib/etcd/crony"),
    ],
)
def test_the_disk_of_etcd_is_the_one_that_its_data_is_on(
    told: dict[str, object], watched: str
) -> None:
    both = frozenset({"etcd", "nodes"})
    assert question_for("h1", both, told)["disks"] == ["/var/lib/crony", watched]
    assert question_for("h1", frozenset({"nodes"}), told)["disks"] == ["/var/lib/crony"]
