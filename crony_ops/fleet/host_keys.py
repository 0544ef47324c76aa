"""Which keys a host may show: what its user's known_hosts files say, by the word of `ssh-keygen`.

It knows hashed names, patterns and revoked keys as ssh itself does. A certificate authority's line
vouches for nothing here: hosts with certificates only count as unknown.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 10
# Of a known key's type, the algorithms that a host may sign with.
ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
}


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Keys as pairs of a type and base64."""

    trusted: frozenset[tuple[str, str]]
    revoked: frozenset[tuple[str, str]]

    def refused_algorithms(self) -> list[str]:
        """Those that would have the host show a key of a type that is not known of it: it may have
        several. None while nothing is known."""
        wanted = {a for kind, _ in self.trusted for a in ALGORITHMS.get(kind, ())}
        return [a for each in ALGORITHMS.values() for a in each if wanted and a not in wanted]

    def trouble(self, kind: str, key: str) -> str | None:
        """Why this key is not to be trusted; empty if it is. None: no key of the host is known."""
        if (kind, key) in self.revoked:
            return "its host key is revoked in known_hosts"
        if (kind, key) in self.trusted:
            return ""
        return "its host key is not the one in known_hosts" if self.trusted else None


def host_name(address: str, port: int, alias: str = "") -> str:
    """As known_hosts has it. ``alias`` is ssh's HostKeyAlias."""
    if alias:
        return alias
    return address if port == 22 else f"[{address}]:{port}"


def known_keys(name: str, files: tuple[Path, ...]) -> KnownKeys:
    """Raises OSError where `ssh-keygen` can't be run."""
    lines: list[str] = []
    for file in files:
        if file.is_file():
            done = subprocess.run(
                ["ssh-keygen", "-F", name, "-f", str(file)],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
            lines += done.stdout.splitlines()
    return keys_of(lines)


def keys_of(lines: list[str]) -> KnownKeys:
    """From the lines of known_hosts that are of one host. Pure."""
    trusted, revoked = set(), set()
    for line in lines:
        words = line.split()
        marker = words.pop(0) if line.startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#"):
            continue
        if marker == "@revoked":
            revoked.add((words[1], words[2]))
        elif not marker:
            trusted.add((words[1], words[2]))
    return KnownKeys(frozenset(trusted - revoked), frozenset(revoked))
