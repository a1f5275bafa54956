"""How a failure is told: on standard error in words, or as one JSON object."""

from __future__ import annotations

import errno
import re
import sys
import textwrap
from pathlib import Path
from typing import Any, TextIO

import click

from pullback.cli import output
from pullback.errors import DataError, PullbackError
from pullback.files import storage_error
from pullback.writing import printable

BAD_INPUT, BUG, INTERRUPTED = 2, 1, 130
THEIRS = frozenset(
    [
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM),
        *(errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.ENOTEMPTY),
        *(errno.EMFILE, errno.ENFILE),
    ]
)
"""What the system says of a disk, a path or rights, which no program can mend."""
_KEYWORD = re.compile(r"(?<![\w.])([a-z][a-z0-9_]*)=(\"[^\"]*\"|'[^']*'|[\w.+-]+)?")
# What the command line has a command for; any other call of Python stays as it is.
CALLS = {
    "pb.resume(path, data=...)": "pullback resume RUN --data FILE",
    "pb.trace_step(network, (X, y), loss=...)": "pullback trace RUN FILE --rows FROM:TO",
}
# What the library calls by a Python name and the command line by a flag.
FLAGS = frozenset(
    """
    accumulate activation batch_size checkpoint_steps class_weight clip_each_norm clip_norm
    clip_value drop_missing_target dropout ema encoding epochs executor group l1 l2
    learning_rate loss metrics min_delta monitor name optimizer patience probabilities
    schedule seed separator split step steps target task test time until validation weight
    weight_decay
    """.split()  # noqa: SIM905  # a list of fifty lines reads worse
)


def expected(error: PullbackError | MemoryError | OSError, as_json: bool) -> int:
    """Tell of bad input or a full disk; the exit status."""
    if isinstance(error, MemoryError):
        error = DataError(
            "the data and the network must fit into memory",
            "not enough memory",
            "Use fewer rows, a smaller network, or a larger machine.",
        )
    elif not isinstance(error, PullbackError):
        if error.errno not in THEIRS:
            return bug(error, as_json)
        error = storage_error(Path(error.filename or "the output"), error)
    run = getattr(error, "run", None)
    path = None if run is None or run.path is None else str(run.path)
    origin = getattr(error, "origin", None)
    told = None if origin is None else origin.to_json()
    do = on_command_line(error.do)
    tell(type(error).__name__, error.must, error.received, do, as_json, path, told)
    return BAD_INPUT


def usage(error: click.ClickException, as_json: bool) -> int:
    """Tell of arguments that are wrong; the exit status."""
    ctx = getattr(error, "ctx", None)
    command = ctx.command_path if ctx is not None else "pullback"
    message = error.format_message()
    must, _, rest = message.partition(". ")
    do = f"`{command} --help` lists what there is."
    tell("UsageError", must.rstrip("."), "", f"{rest} {do}".strip(), as_json)
    return BAD_INPUT


def bug(error: Exception, as_json: bool) -> int:
    """Tell of a failure that nobody foresaw; the exit status."""
    text = " ".join(str(error).split())[:300]
    tell(
        type(error).__name__,
        "this is a bug in pullback, not a mistake of yours",
        f"{type(error).__name__}: {text}" if text else type(error).__name__,
        "Run the same command with --debug for the traceback, and report it.",
        as_json,
    )
    return BUG


def stopped(as_json: bool) -> int:
    """Tell that Ctrl-C came while nothing was being trained; the exit status."""
    do = "Run the command again. `pullback runs` lists a training that can be resumed."
    tell("Interrupted", "stopped by Ctrl-C", "", do, as_json)
    return INTERRUPTED


def tell(
    kind: str,
    must: str,
    received: str,
    do: str,
    as_json: bool,
    run: str | None = None,
    origin: dict[str, Any] | None = None,
) -> None:
    """Print a failure."""
    if as_json:
        error: dict[str, Any] = {"type": kind, "must": must, "received": received, "do": do}
        error |= {"run": run, "origin": origin}
        output.emit("error", {"error": error})
        return
    lines = [f"error: {must}"]
    lines += [f"  received: {received}"] if received else []
    lines += [f"  to do: {do}"] if do else []
    lines += [f"  kept: {run}, with the weights before that step"] if run else []
    text = "\n".join(lines)
    width = output.width()
    shown = "\n".join(_wrapped(printable(line), width) for line in text.split("\n"))
    if output.coloured(sys.stderr):
        shown = shown.replace("error:", "\x1b[1;31merror:\x1b[0m", 1)
    sys.stdout.flush()
    print(shown, file=sys.stderr, flush=True)


def warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Tell of a warning, without the place in the code that it came from."""
    shown = _wrapped(printable(f"note: {message}"), output.width())
    print(shown, file=sys.stderr, flush=True)


def on_command_line(advice: str) -> str:
    """Advice that names arguments of Python's functions, in flags.

    Example:
        >>> on_command_line("Have them left out: drop_missing_target=True.")
        'Have them left out: --drop-missing-target.'
        >>> on_command_line('Pass separator=";".')
        'Pass --separator ";".'
    """

    def flag(match: re.Match[str]) -> str:
        name, value = match[1], match[2]
        if name not in FLAGS or _in_call(advice[: match.start()]):
            return match[0]
        spelled = f"--{name.replace('_', '-')}"
        if value in (None, "..."):
            return spelled
        dots = value[len(value.rstrip(".")) :]
        value = value.rstrip(".")
        return spelled + dots if value in ("True", "") else f"{spelled} {value}{dots}"

    for call, command in CALLS.items():
        advice = advice.replace(call, command)
    return _KEYWORD.sub(flag, advice)


def _in_call(before: str) -> bool:
    """Whether what comes behind a text is an argument of a call in it.

    Example:
        >>> _in_call("pb.fit(network, (x, y), "), _in_call("say (for f(x)) "), _in_call("f(x) ")
        (True, False, False)
    """
    depth = 0
    for place in reversed(range(len(before))):
        depth += (before[place] == ")") - (before[place] == "(")
        if depth < 0:
            if re.fullmatch(r"\w", before[place - 1 : place]):
                return True
            depth = 0
    return False


def _wrapped(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(
        line,
        width,
        subsequent_indent=indent,
        drop_whitespace=True,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
