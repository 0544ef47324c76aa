"""What `doctor` prints for people: a finding in two lines at most, the gravest first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from crony_ops.fleet.doctor.finding import Check, Finding, Verdict
from crony_ops.fleet.doctor.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from crony_ops.cli.doctor import DoctorDocument

_STYLES = {Verdict.failed: "bold red", Verdict.warning: "yellow", Verdict.passed: "green"}
_WIDTH = max(len(check) for check in Check) + 2


def print_diagnosis(console: Console, document: DoctorDocument) -> None:
    before: Verdict | None = None
    for finding in document.findings:
        if before not in (None, finding.verdict):
            console.print()
        before = finding.verdict
        console.print(_lines(finding), soft_wrap=True)
    counts = Counter(finding.verdict for finding in document.findings)
    said = Text("\n")
    for verdict in (Verdict.failed, Verdict.warning, Verdict.passed):
        said.append(f"{counts[verdict]} {verdict}", _STYLES[verdict] if counts[verdict] else "dim")
        said.append(", " if verdict is not Verdict.passed else "")
    looked = "no host" if document.hosts is None else counted(len(document.hosts), "host")
    said.append(f"; etcd and {looked} looked at in {document.took:.1f} s")
    console.print(said, soft_wrap=True)


def _lines(finding: Finding) -> Text:
    said = Text()
    said.append(f"{finding.verdict:<6}", _STYLES[finding.verdict])
    said.append(f"{finding.check:<{_WIDTH}}")
    if finding.where:
        said.append(f"{finding.where}: ", "bold")
    said.append(finding.says)
    if finding.hint:
        said.append(f"\n{'':<{6 + _WIDTH}}→ {finding.hint}", "dim")
    return said
