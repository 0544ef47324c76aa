"""Debian's cron, in a world of its own: it sees the machine's programs and our crontab, no other.

It needs root, for a mount namespace and a root folder of its own, and the package `cron`, which
`make bench` unpacks where it can. Nothing is installed, and nothing outside the folder is touched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crony_ops.local.child import Child

_UNPACKED = Path(".venv/cron/usr/sbin/cron")
_OUT = "/out"
_PASSWD = "root:x:0:0:root:/:/bin/bash\n"
_PAM = "".join(f"{what} sufficient pam_permit.so\n" for what in ("auth", "account", "session"))
_FOLDERS = (
    *("etc/pam.d", "etc/security", "run", "var/run"),
    *("var/spool/cron/crontabs", "tmp", "out"),
)
_IN_ITS_OWN = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
# What is bound goes with the namespace, and that with the first process in it.
_ENTER = """\
set -e
root=$1 out=$2 cron=$3
for each in bin sbin lib lib64 usr dev proc; do
  if [ -L /$each ]; then cp -P /$each $root/$each
  elif [ -d /$each ]; then mkdir $root/$each; mount --rbind /$each $root/$each; fi
done
mount --bind $out $root/out
touch $root/cron; mount --bind $cron $root/cron
exec chroot $root /cron -f
"""


def why_not() -> str:
    """Why there is no cron to be measured here; empty if there is."""
    if os.geteuid() != 0:
        return "Debian's cron is left out: that needs root"
    if _program() is None:
        return "Debian's cron is left out: there is no program `cron`"
    if shutil.which("unshare") is None:
        return "Debian's cron is left out: there is no program `unshare`"
    return ""


def _program() -> Path | None:
    found = shutil.which("cron")
    return Path(found) if found else _UNPACKED.absolute() if _UNPACKED.exists() else None


@contextmanager
def debian_cron(folder: Path, entries: list[tuple[str, str, int]]) -> Iterator[dict[str, Path]]:
    """Runs it on ``entries``: the name of a file, five fields, and how many jobs add a line to that
    file then. Gives the files, by name.

    ``folder`` is made; it must be on a file system of which no noexec says that programs don't run.
    """
    root, out, program = folder / "root", folder / "out", _program()
    assert program is not None
    for each in _FOLDERS:
        (root / each).mkdir(parents=True)
    out.mkdir()
    (root / "etc/passwd").write_text(_PASSWD)
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/pam.d/cron").write_text(_PAM)
    crontab = root / "var/spool/cron/crontabs/root"
    lines = ["SHELL=/bin/bash", 'MAILTO=""']
    for name, fields, count in entries:
        lines += [f"{fields} echo $EPOCHREALTIME >> {_OUT}/{name}"] * count
    crontab.write_text("\n".join(lines) + "\n")
    crontab.chmod(0o600)
    entering = [*_IN_ITS_OWN, "bash", "-c", _ENTER, "enter", str(root), str(out), str(program)]
    cron = Child("cron", entering, folder / "log", os.environ)
    cron.start()
    try:
        yield {name: out / name for name, _, _ in entries}
    finally:
        cron.kill()
