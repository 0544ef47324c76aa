"""`crony-ops schema`: the JSON Schema of a job file, or of what a verb prints for machines."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from crony_ops.cli.documents import DOCUMENTS, document_schema
from crony_ops.cli.view.lookup import UnknownName


def schema(
    verb: Annotated[
        str | None,
        typer.Argument(
            metavar="[VERB]",
            help="of what it prints with --output json; else of a job file",
            autocompletion=lambda: list(DOCUMENTS),
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of a job file, for an editor to check and complete by.

    Or that of the document that a verb prints with --output json.

    Examples:
      $ crony-ops schema
      $ crony-ops schema status
    """
    if verb is None:
        from crony_ops.catalog.schema import job_file_schema

        made = job_file_schema()
    elif verb in DOCUMENTS:
        made = document_schema(verb)
    else:
        raise UnknownName(kind="output of", name=verb, hint=f": {', '.join(DOCUMENTS)} have one")
    sys.stdout.write(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
