"""`crony-ops schema`: the JSON Schema of a job file."""

from __future__ import annotations

import json
import sys


def schema() -> None:
    """Print the JSON Schema of a job file, for an editor to check and complete by.

    Examples:
      $ crony-ops schema
    """
    from crony_ops.catalog.schema import job_file_schema

    sys.stdout.write(json.dumps(job_file_schema(), indent=2, ensure_ascii=False) + "\n")
