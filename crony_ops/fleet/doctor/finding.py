"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST = 300


class Verdict(StrEnum):
    passed = "pass"
    warning = "warn"
    failed = "fail"


class Check(StrEnum):
    """The topics, in the order in which they are told."""

    etcd = "etcd"
    cluster = "cluster"
    hosts = "hosts"
    units = "units"
    versions = "versions"
    clocks = "clocks"
    presets = "presets"
    disks = "disks"
    certificates = "certificates"
    jobs = "jobs"


@dataclass(frozen=True, slots=True)
class Finding:
    """``where`` is a host, a member of etcd or another place, empty for all of them. ``says`` and
    ``hint`` are for people: a sentence, and what to type. What passes has no hint."""

    check: Check
    verdict: Verdict
    where: str
    says: str
    hint: str


def passed(check: Check, says: str, where: str = "") -> Finding:
    return Finding(check, Verdict.passed, where, _line(says), "")


def warns(check: Check, where: str, says: str, hint: str) -> Finding:
    return Finding(check, Verdict.warning, where, _line(says), _line(hint))


def fails(check: Check, where: str, says: str, hint: str) -> Finding:
    return Finding(check, Verdict.failed, where, _line(says), _line(hint))


def _line(words: str) -> str:
    """Some of it was said by a host, which may say anything: it goes to a terminal."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(words.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
