"""How a command finds etcd, and the inventory of its fleet.

A flag goes before the environment, and that before a configuration file: the one that ``--config``
or CRONY_CONFIG names, else the first that is there of ``.crony/cluster.yaml`` in the working
directory or a parent of it (a local cluster, unless endpoints were named), ``crony/cli.yaml`` in
``~/.config``, and ``/etc/crony/cli.yaml``. Each holds an ``etcd:`` mapping with the fields of
EtcdSettings; CRONY_ETCD_ENDPOINTS, CRONY_ETCD_PASSWORD_FILE and the like stand for the same fields.
A password is never on a command line, where every user of the machine could read it.

The inventory is the one that CRONY_INVENTORY names, or that file's ``inventory:``, taken from its
folder on, but only where etcd is that file's, too; an empty CRONY_INVENTORY is none. None is found
by chance: a local cluster in a checkout has nothing to do with the hosts that the checkout lists.
"""

from __future__ import annotations

import functools
import inspect
import os
from pathlib import Path
from types import SimpleNamespace
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Concatenate,
    NamedTuple,
    ParamSpec,
    TypeVar,
    get_type_hints,
)

import typer
from pydantic import ValidationError

from crony_ops.errors import BadConfig
from crony_ops.store.settings import EtcdSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOCAL_CLUSTER = Path(".crony/cluster.yaml")
SYSTEM_CONFIG = Path("/etc/crony/cli.yaml")

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")

_OPTIONS: dict[str, Any] = {
    "endpoints": Annotated[
        str | None,
        typer.Option(
            "--endpoints", metavar="HOST:PORT,...", help="etcd's endpoints [CRONY_ETCD_ENDPOINTS]"
        ),
    ],
    "prefix": Annotated[
        str | None,
        typer.Option("--prefix", metavar="PREFIX", help="of all keys [CRONY_ETCD_PREFIX]"),
    ],
    "config": Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="how to reach etcd [CRONY_CONFIG]"),
    ],
}


class Cluster(NamedTuple):
    """``inventory`` is None where none is configured; it need not be there."""

    etcd: EtcdSettings
    inventory: Path | None


def connected(command: Callable[Concatenate[EtcdSettings, _P], _R]) -> Callable[_P, _R]:
    """Give a command the options above; it takes what they amount to as its first argument."""
    return _connected(command, find_etcd)


def connected_to_fleet(command: Callable[Concatenate[Cluster, _P], _R]) -> Callable[_P, _R]:
    """As `connected`, for a command that wants to know of the inventory, too."""
    return _connected(command, find_cluster)


def _connected(
    command: Callable[Concatenate[_T, _P], _R], find: Callable[..., _T]
) -> Callable[_P, _R]:
    own = list(inspect.signature(command).parameters.values())[1:]
    # Not the first one's: a module need not import EtcdSettings for more than type checking.
    written = {p.name: p.annotation for p in own}
    hints = get_type_hints(
        SimpleNamespace(__annotations__=written), command.__globals__, include_extras=True
    )
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in _OPTIONS.items()
    ]

    @functools.wraps(command)
    def wrapper(*args: Any, **options: Any) -> Any:
        asked = {name: options.pop(name) for name in _OPTIONS}
        return command(find(os.environ, Path.cwd(), **asked), *args, **options)

    # Typer reads the signature and the hints; they must be of one mind.
    wrapper.__annotations__ = {p.name: hints[p.name] for p in own} | _OPTIONS
    wrapper.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [p.replace(annotation=hints[p.name]) for p in own] + added
    )
    del wrapper.__wrapped__
    return wrapper


def find_etcd(environment: Mapping[str, str], folder: Path, **flags: Any) -> EtcdSettings:
    """What ``flags`` (the options above), ``environment`` and the files seen from ``folder`` say
    together.

    Raises BadConfig, which names the file or "the environment", for what can't be used.
    """
    return find_cluster(environment, folder, **flags).etcd


def find_cluster(
    environment: Mapping[str, str],
    folder: Path,
    *,
    endpoints: str | None = None,
    prefix: str | None = None,
    config: Path | None = None,
) -> Cluster:
    """As `find_etcd`."""
    asked: dict[str, Any] = {
        field: value
        for field in EtcdSettings.model_fields
        if (value := environment.get(f"CRONY_ETCD_{field.upper()}"))
    }
    asked |= {k: v for k, v in {"endpoints": endpoints, "prefix": prefix}.items() if v}
    if "endpoints" in asked:
        asked["endpoints"] = tuple(part.strip() for part in asked["endpoints"].split(","))
    path = config or _named(environment) or _found(environment, folder, asked)
    written, inventory = _read(path) if path else ({}, None)
    if path:
        _settings(written, str(path))
    if (named := environment.get("CRONY_INVENTORY")) is not None:
        inventory = folder / named if named else None
    elif not {"endpoints", "prefix"}.isdisjoint(asked):  # then the file tells of another cluster
        inventory = None
    return Cluster(_settings(written | asked, "the environment and the flags"), inventory)


def _named(environment: Mapping[str, str]) -> Path | None:
    name = environment.get("CRONY_CONFIG")
    return Path(name) if name else None


def _found(environment: Mapping[str, str], folder: Path, asked: Mapping[str, Any]) -> Path | None:
    candidates = [SYSTEM_CONFIG]
    if home := environment.get("HOME"):
        candidates.insert(0, Path(home) / ".config" / "crony" / "cli.yaml")
    if "endpoints" not in asked:  # else another cluster is meant than the local one
        candidates[:0] = [parent / LOCAL_CLUSTER for parent in (folder, *folder.parents)]
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path) -> tuple[dict[str, Any], Path | None]:
    """What is said of etcd, and the inventory."""
    import yaml

    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise BadConfig(path=path, reason=error.strerror) from None
    except yaml.YAMLError as error:
        raise BadConfig(path=path, reason=" ".join(str(error).split())) from None
    etcd = document.get("etcd") if isinstance(document, dict) else None
    if not isinstance(etcd, dict):
        raise BadConfig(path=path, reason="no `etcd:` mapping in it")
    inventory = document.get("inventory")
    if not isinstance(inventory, str | None):
        raise BadConfig(path=path, reason="inventory: no path")
    return etcd, path.absolute().parent / inventory if inventory else None


def _settings(fields: dict[str, Any], where: str) -> EtcdSettings:
    try:
        return EtcdSettings(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in ("etcd", *first["loc"]))
        raise BadConfig(path=where, reason=f"{field}: {first['msg']}") from None
