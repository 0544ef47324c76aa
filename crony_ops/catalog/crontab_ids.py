"""What an imported crontab line is called: by its file and the program that it runs. Pure.

The same lines have the same ids whatever stands between them: where two would be called alike,
a sum of the line tells them apart, not a number.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crony_ops.catalog.crontab import CrontabLine

_LONGEST = 63
_SPLIT = re.compile(r"&&|\|\||[;|(){}&\n]|\b(?:if|then|else|do|fi|done)\b")
# Conditions, quoted text, and commands whose output is used in another: not what is run.
_ASIDE = re.compile(r"\[ [^\]]* \]|\$\([^)]*\)|`[^`]*`|'[^']*'|\"[^\"]*\"")
# They look, wait or prepare; what is run comes after them.
_NOT_THE_PROGRAM = re.compile(r"test|\[\[?|!|cd|command|sleep|export|umask|exit|set|true|\.")
# They run what comes after them.
_WRAPPER = re.compile(
    r"(?:io)?nice|chronic|nohup|sudo|env|exec|time|setsid|(?:ba|da)?sh|perl|python3?|php|ruby|run-parts"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
# Also what may stand behind one, as in `nice -n 5`.
_OPTION = re.compile(r"-|[0-9]+$")
_SCRIPT = re.compile(r"\.(?:sh|bash|py|pl|php|rb)$")


def name_lines(lines: Sequence[CrontabLine], prefix: str) -> list[str]:
    """An id for each line, in their order: valid, and no two alike. ``prefix`` comes first."""
    plain = [_plain(line, prefix) for line in lines]
    shared = {name for name, count in Counter(plain).items() if count > 1}
    taken: set[str] = set()
    ids = []
    for name, line in zip(plain, lines, strict=True):
        wanted = f"{name[: _LONGEST - 5]}-{_sum(line)}" if name in shared else name
        job_id, number = wanted, 1
        while job_id in taken:
            number += 1
            job_id = f"{wanted[: _LONGEST - 1 - len(str(number))]}-{number}"
        taken.add(job_id)
        ids.append(job_id)
    return ids


def _plain(line: CrontabLine, prefix: str) -> str:
    file, program = _base(line.file), next(_programs(line.command), "job")
    file, program = _slug(_SCRIPT.sub("", file)), _slug(program)
    words = [word for word in (file, program) if word]
    if len(words) == 2 and program.startswith(file):
        words = [program]
    name = prefix + "-".join(words)
    return name[:_LONGEST].rstrip("-_") or "job"


def _programs(command: str) -> Iterator[str]:
    for part in _SPLIT.split(_ASIDE.sub(" ", command)):
        words = [word for word in part.split() if not _ASSIGNMENT.match(word)]
        wrapped = False
        while words and (
            _WRAPPER.fullmatch(_base(words[0])) or (wrapped and _OPTION.match(words[0]))
        ):
            wrapped = True
            words.pop(0)
        if words and not _NOT_THE_PROGRAM.fullmatch(words[0]):
            yield _SCRIPT.sub("", _base(words[0]))


def _base(path: str) -> str:
    return PurePosixPath(path).name


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")


def _sum(line: CrontabLine) -> str:
    written = f"{line.user} {line.schedule} {line.command}"
    return hashlib.sha256(written.encode()).hexdigest()[:4]
