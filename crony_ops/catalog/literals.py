"""Where a job holds something that looks like a secret itself, not a reference to one.

Guesses that cry wolf are not read: a name has to end in a word for a secret, and its value has to
be a literal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crony_ops.catalog.wording import Wording
from crony_ops.model.secret_names import SECRET_VARIABLES, SECRETS, names_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crony_ops.catalog.yaml_tree import Path
    from crony_ops.model.job import HttpAction, Job

_LOGS_IN = ("authorization", "cookie")
_USERINFO = re.compile(r"https?://(?:\$\{[^}]*\}|[^\s/?#@'\"${])*:(?!\$)[^\s/?#@'\"$]+@")
_IN_JSON = re.compile(rf'"[A-Za-z0-9_-]*{SECRET_VARIABLES}"\s*:\s*"(?!\$)[^"]+"', re.IGNORECASE)
# No reference, and neither a path nor an option behind it.
_LITERAL = r"""(?:'[^'$/\s][^'$]*'|"[^"$`/\s][^"$`]*"|[^\s'"$`/;&|<>(){}-][^\s'"$`;&|<>(){}]*)"""
_OPTIONS = SECRETS.lower().replace("_", "-")
_IN_SHELL = (
    re.compile(
        rf"(?:^|[\s;&|(])(?:export\s+)?[A-Z0-9_]*{SECRET_VARIABLES}={_LITERAL}", re.MULTILINE
    ),
    re.compile(rf"\s--?(?:[a-z]+-)?(?:{_OPTIONS})(?:=|\s+){_LITERAL}"),
    re.compile(rf"\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n;&|]*\s-p{_LITERAL}"),
    re.compile(rf"\bsshpass\s+-p\s*{_LITERAL}"),
    re.compile(rf"\bcurl\b[^\n;&|]*\s(?:-u|--user)\s*(?:[\"']?)[^\s:$'\"]+:{_LITERAL}"),
    _USERINFO,
)

# Nearly all commands have none of that, and 10,000 are searched in the time of a few.
_WORTH_A_LOOK = re.compile(r"pass|secret|token|key|://|mysql|mariadb|curl", re.IGNORECASE)
_SEEN_BY_ALL = "this looks like a secret, and would stand in git and in etcd for all to read"


def literal_secrets(job: Job) -> Iterator[Wording]:
    if job.env:
        yield from _named(("env",), job.env, "let a preset write it to its environment file")
    if job.shell is not None and _in_command(job.shell):
        what = "something here looks like a secret, which git, etcd and process lists would show"
        yield Wording(("shell",), what, "read it from a file, or let a preset provide it")
    if job.http is not None:
        yield from _in_request(job.http)


def _in_command(command: str) -> bool:
    return _WORTH_A_LOOK.search(command) is not None and any(
        pattern.search(command) for pattern in _IN_SHELL
    )


def _in_request(http: HttpAction) -> Iterator[Wording]:
    mend = "write `${file:/path}` or `${env:NAME}`, which the node puts in"
    yield from _named(("http", "headers"), http.headers, mend, _LOGS_IN)
    yield from _named(("http", "query"), http.query, mend)
    if _USERINFO.match(http.url):
        yield Wording(("http", "url"), _SEEN_BY_ALL, mend)
    if http.body is not None and _IN_JSON.search(http.body):
        yield Wording(("http", "body"), _SEEN_BY_ALL, mend)


def _named(
    where: Path, values: Mapping[str, str], mend: str, also: tuple[str, ...] = ()
) -> Iterator[Wording]:
    for name, value in values.items():
        secret = names_secret(name) or name.lower().endswith(also)
        # What names a file or another variable is no secret.
        if secret and value and not _REFERS.search(value):
            yield Wording((*where, name), _SEEN_BY_ALL, mend)


_REFERS = re.compile(r"^/|\$\{|^\$")
