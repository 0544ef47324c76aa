"""Whether certificates are about to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.fleet.doctor.finding import Check, Finding, fails, passed, warns
from crony_ops.fleet.doctor.words import counted, span

if TYPE_CHECKING:
    from crony_ops.fleet.doctor.facts import Certificate, Facts

_DAY = 86_400.0
_SOON, _NEXT = 7 * _DAY, 21 * _DAY


def check_certificates(facts: Facts) -> list[Finding]:
    found = [finding for each in facts.certificates for finding in _one(each, facts.now)]
    readable = [each for each in facts.certificates if not each.error]
    if found or not readable:
        return found
    first = min(readable, key=lambda each: each.not_after)
    left = span(first.not_after - facts.now)
    says = f"{counted(len(readable), 'certificate')}, the first ends in {left}: {first.place}"
    return [passed(Check.certificates, says)]


def _one(certificate: Certificate, now: float) -> list[Finding]:
    where, left = certificate.host, certificate.not_after - now
    limit = f" --limit {where}" if where not in ("", "here") else ""
    hint = f"crony-ops rollout{limit}: it renews what ends soon"
    if certificate.error:
        says = f"{certificate.place} can't be read: {certificate.error}"
        return [warns(Check.certificates, where, says, "crony-ops rollout --check --diff" + limit)]
    if certificate.not_before > now:
        says = f"{certificate.place} is not valid for another {span(certificate.not_before - now)}"
        return [fails(Check.certificates, where, says, "is a clock wrong? timedatectl")]
    if left <= 0:
        return [
            fails(Check.certificates, where, f"{certificate.place} ended {span(-left)} ago", hint)
        ]
    if left < _NEXT:
        kind = fails if left < _SOON else warns
        return [kind(Check.certificates, where, f"{certificate.place} ends in {span(left)}", hint)]
    return []
