"""The program itself: finds the command that was asked for, and answers every kind of failure."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from pullback._version import __version__
from pullback.cli import failure, output
from pullback.errors import PullbackError, unknown

COMMANDS = {
    "train": "Train a network on data until it is good enough, and keep it.",
    "generate": "Go on with a text as a network that was trained on one says.",
    "predict": "Say what a trained network predicts for new rows.",
    "evaluate": "Measure a trained network on rows whose answers are known.",
    "explain": "Derive the gradient of one weight, term by term, by the chain rule.",
    "trace": "Show everything in one step of a network on a batch.",
    "check": "Check the derivative rules of a network against differences.",
    "replay": "Compute a step of a run again, with everything in it.",
    "probes": "Show what was seen of a run while it trained, layer by layer.",
    "resume": "Go on with a training that was stopped.",
    "runs": "List the runs in a folder.",
    "show": "Show a run: its network, settings, columns, scores and history.",
    "report": "Write a page about a run: what was trained, how it went, how to repeat it.",
    "list": "List what can be chosen by name: layers, losses, optimizers and the rest.",
    "export": "Write the trained network, or how training went, to a file.",
}


class Program(click.Group):
    """The commands by name; each is a module of this package, imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pullback.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(  # type: ignore[override]  # never hands a value back: it exits
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> None:
        """Run, and exit with a status; no failure ever shows a traceback unless asked for."""
        given = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in given or os.environ.get("PULLBACK_DEBUG", "") not in ("", "0")
        given = [word for word in given if word != "--debug"]
        _never_fail_to_encode()
        try:
            status = self._run(given, debug)
        except BrokenPipeError:
            _drop_output()
            status = 1
        except OSError as error:  # not even the failure could be told, on a full disk
            if debug:
                raise
            _drop_output()
            status = failure.BAD_INPUT
            with contextlib.suppress(OSError):
                failure.expected(error, as_json=False)
        sys.exit(status)

    def _run(self, args: list[str], debug: bool) -> int:
        """The exit status: 0 done, 1 a bug, 2 bad input, 130 or 143 interrupted."""
        as_json = "--json" in args
        try:
            with warnings.catch_warnings():
                warnings.showwarning = failure.warned
                found = super().main(
                    args, prog_name="pullback", standalone_mode=False, terminal_width=output.width()
                )
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except (click.Abort, KeyboardInterrupt):
            return failure.stopped(as_json)
        except click.ClickException as error:
            return failure.usage(error, as_json)
        except (PullbackError, MemoryError, OSError) as error:
            if debug:
                raise
            return failure.expected(error, as_json)
        except Exception as error:
            if debug:
                raise
            return failure.bug(error, as_json)
        return found if isinstance(found, int) else 0


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: pullback train penguins",
)
@click.option(
    "--debug",
    is_flag=True,
    help="Show the traceback of any failure; so does the environment variable PULLBACK_DEBUG=1.",
)
@click.version_option(__version__, "--version", message="pullback %(version)s")
@click.pass_context
def program(ctx: click.Context, debug: bool) -> None:
    """Neural networks you can see through: from data to a trained network.

    pullback train FILE --target COLUMN needs nothing else; COMMAND --help lists all that can
    be changed. With --json a command prints one documented JSON object.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _never_fail_to_encode() -> None:
    """A name that the terminal's encoding lacks is shown with escapes, not answered by an error.

    A stream that the caller has closed is one that nobody reads.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Nobody reads on; keep Python from complaining about it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
