"""The commands: `genesys-processor COMMAND`, one file for each.

A command's module has `add(subparsers)`, which describes it, and sets `run`, which does it and
returns the exit code: 0 done, 1 failed, 2 usage or settings, 3 input not valid, 4 refused
because of a conflict, 5 not permitted, 6 far side unreachable.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from pydantic import ValidationError

from processor.clients.replies import Unauthorised
from processor.errors import (
    ConflictError,
    FatalError,
    NotValid,
    PoisonError,
    ProcessorError,
    RefusedError,
    RetryableError,
)
from processor.settings import SettingsError

COMMANDS = (
    "serve",
    "demo",
    "sandbox",
    "tail",
    "post",
    "request",
    "queues",
    "report",
    "dead-letters",
    "register",
    "reconcile",
    "simulate",
    "calendars",
    "topics",
    "kafka",
    "log",
    "forget",
    "check",
    "drift",
    "audit",
    "backtest",
    "openapi",
    "asyncapi",
)
"""In the order of the help; each is a module here, with `_` for `-`, loaded when it is asked for."""

EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (SettingsError, 2),
    (PoisonError, 3),
    (ValidationError, 3),
    (NotValid, 3),
    (ConflictError, 4),
    (RefusedError, 5),
    (Unauthorised, 5),
    (RetryableError, 6),
    (FatalError, 1),
    (ProcessorError, 1),
    (OSError, 1),
)
"""The first that fits."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what goes wrong is one line on stderr that says what to do."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us: the next file that is opened must not be it
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", closefd=False))
    if logging.lastResort:
        logging.lastResort.setFormatter(_Words())
    parser = argparse.ArgumentParser(
        prog="genesys-processor",
        description="Genesys Cloud events into a log, out to WFM systems and calendars, and back into the queues.",
        epilog="Settings come from the environment, prefix PROCESSOR_: see docs/configuration.md and `check`. "
        "Exit codes: 0 done, 1 failed, 2 usage or settings, 3 input not valid, 4 refused because of a conflict, "
        "5 not permitted, 6 far side unreachable.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version, and exit")
    subparsers = parser.add_subparsers(
        title="commands, each with a --help of its own", dest="command", metavar="COMMAND", required=True
    )
    words = sys.argv[1:] if arguments is None else arguments
    for name in words[:1] if words[:1] and words[0] in COMMANDS else COMMANDS:
        import_module(f"processor.cli.{name.replace('-', '_')}").add(subparsers)
    options = parser.parse_args(words)
    if arguments is None:
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # both end a command in order
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        return 0
    except BaseExceptionGroup as group:
        return _explain(_first(group))
    except tuple(kind for kind, _ in EXIT_CODES) as error:
        return _explain(error)


class _Words(logging.Formatter):
    """Of what is logged while no server has set up its own lines: all that there is to it, for a person."""

    OWN = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})

    def format(self, record: logging.LogRecord) -> str:
        """The event and its facts."""
        facts = [str(value) for name, value in vars(record).items() if name not in self.OWN]
        return ": ".join((record.getMessage(), *facts))


class _Version(argparse.Action):
    """Read when it is asked for: the metadata of packages take longer to find than the parser to build."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Exits with 0."""
        version = import_module("processor.app.documents.asyncapi").product_version()
        compiled = not str(import_module("processor.written").__file__).endswith(".py")
        print(parser.prog, version, *["(compiled)"] * compiled)
        parser.exit()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _explain(error: BaseException) -> int:
    code = next((code for kind, code in EXIT_CODES if isinstance(error, kind)), None)
    if code is None:
        raise error
    remedy = getattr(error, "remedy", None)
    said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
    print(f"genesys-processor: {said}" + (f" ({remedy})" if remedy else ""), file=sys.stderr)
    return code
