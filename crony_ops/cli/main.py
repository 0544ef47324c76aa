"""`crony-ops`: which commands there are, and how any of them ends.

A command's module is imported when that command is the one to run, and no sooner: help and
completion know only the table below.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from crony_ops import __version__
from crony_ops.errors import CronyError, first_cause

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
EXAMPLES = "\n\nExamples:\n"
# New objects between two collections. Most of what a command makes, its modules first of all, stays
# until its end a moment later; Python's own 700 would have a fifth of the time spent on looking.
_COLLECT_EVERY = 100_000


class Entry(NamedTuple):
    """Where a command is written. ``attribute`` is a function, or a Typer with subcommands."""

    module: str
    attribute: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "validate": Entry("validate", "validate", "Check the job files, and show every error at once."),
    "plan": Entry("sync", "plan", "Show what a sync would change."),
    "sync": Entry("sync", "sync", "Make the stored jobs those of the files."),
    "status": Entry("status", "status", "Show how etcd, watchers, nodes and jobs stand."),
    "next": Entry("next", "next_firings", "Show what fires next, in the order of time."),
    "nodes": Entry("nodes", "nodes", "List the nodes, or tell all about one."),
    "pause": Entry("pause", "pause", "Let jobs rest."),
    "resume": Entry("pause", "resume", "Let paused jobs run again, from now on."),
    "cordon": Entry("cordon", "cordon", "Give a node no new jobs."),
    "uncordon": Entry("cordon", "uncordon", "Let a node have jobs again."),
    "drain": Entry("drain", "drain", "Have a node give its jobs up."),
    "forget": Entry("forget", "forget", "Forget a node that never comes back."),
    "rollout": Entry("rollout", "rollout", "Run a playbook over the fleet."),
    "doctor": Entry("doctor", "doctor", "Look for what is wrong, on the hosts too."),
    "rebalance": Entry("rebalance", "rebalance", "Spread the jobs evenly over the nodes."),
    "cursor": Entry("cursor", "app", "Mend up to when a job is accounted for."),
    "restored": Entry("restored", "restored", "Go on after etcd was restored from a snapshot."),
    "run": Entry("run", "run", "Run a job now, once."),
    "kill": Entry("kill", "kill", "End a run that is under way."),
    "history": Entry("history", "history", "List a job's last runs, and what they add up to."),
    "logs": Entry("logs", "logs", "Print what a run has printed."),
    "explain": Entry("explain", "explain", "Tell why a job ran or did not, and why where."),
    "jobs": Entry("jobs", "jobs", "List the jobs, or tell all about one."),
    "import": Entry("import_crontab", "app", "Make job files of what cron runs."),
    "export": Entry("export", "export", "Print the stored jobs as a job file."),
    "up": Entry("up", "up", "Run a whole cluster on this machine, for trying out."),
    "alerts": Entry("alerts", "app", "List the alerts, and what became of them."),
    "silence": Entry("silence", "app", "Keep alerts back for a while."),
    "schema": Entry("schema", "schema", "Print the JSON Schema of a job file."),
}


class _Placeholder(TyperCommand):
    """Stands for a command until it is chosen: help and completion need its summary only."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.summary)
        self._entry = entry

    def load(self) -> Any:
        module = import_module(f"crony_ops.cli.{self._entry.module}")
        command = getattr(module, self._entry.attribute)
        if isinstance(command, typer.Typer):
            group = typer.main.get_command(command)
            group.name = self.name
            return _with_examples(group)
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(self.name)(command)
        return _with_examples(typer.main.get_command(app))


def _with_examples(command: Any) -> Any:
    """The examples that end a docstring come last in the help, each on a line as it is written."""
    text, mark, examples = (command.help or "").partition(EXAMPLES)
    if mark:
        command.help = text
        command.epilog = f"\b\nExamples:\n{examples}"
    for inner in getattr(command, "commands", {}).values():
        _with_examples(inner)
    return command


class _Commands(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update({n: _Placeholder(n, entry) for n, entry in COMMANDS.items()})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, _Placeholder) else command, rest


app = typer.Typer(
    cls=_Commands,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Cron for a fleet, the GitOps way.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crony-ops {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


def run(args: Sequence[str]) -> int:
    """Run one command line and give its exit status. No exception but SystemExit leaves here."""
    try:
        result = typer.main.get_command(app).main(
            args=list(args) or ["--help"], prog_name="crony-ops", standalone_mode=False
        )
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough of it; what is still buffered must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except typer.Abort:
        return _fail("given up", 1)
    except typer.TyperException as usage:
        # The choices of an option are checked by pydantic, which says so.
        return _fail(usage.format_message().replace(": Value error, ", ": "), usage.exit_code)
    except Exception as error:  # noqa: BLE001 - the last line before the user
        return _explain(error)
    return result if isinstance(result, int) else 0


def _explain(error: Exception) -> int:
    cause = first_cause(error)
    if os.environ.get("CRONY_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(cause, CronyError):
        return _fail(str(cause), cause.exit_status)
    words = str(cause).partition("\n")[0]
    return _fail(
        f"unexpected {type(cause).__name__}: {words} (set CRONY_DEBUG=1 for the traceback)", 1
    )


def _fail(words: str, status: int) -> int:
    with contextlib.suppress(BrokenPipeError):
        print(f"crony-ops: {words.rstrip()}", file=sys.stderr)  # noqa: T201
    return status


def main() -> None:
    gc.set_threshold(_COLLECT_EVERY)
    status = run(sys.argv[1:])
    gc.freeze()  # the process ends here, and would look through all that is left several times
    sys.exit(status)


if __name__ == "__main__":
    main()
