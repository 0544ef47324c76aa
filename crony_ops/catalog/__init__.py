"""The jobs folder: YAML with positions, merged defaults, every error at once, git provenance."""

from __future__ import annotations

from crony_ops.catalog.folder import Catalog, load_catalog
from crony_ops.catalog.problem import Level, Problem
from crony_ops.catalog.provenance import Provenance, read_provenance

__all__ = ["Catalog", "Level", "Problem", "Provenance", "load_catalog", "read_provenance"]
