"""`backtest [FILE…]`: what the loop would have decided about recorded volume, under the rule of the settings."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from handlers.events import Decision
from processor.app.errands.backtesting import backtest
from processor.event import instant
from processor.settings import LoopRule, Settings, SettingsError, load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "backtest", help="what the loop would have decided about recorded volume", description=__doc__
    )
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="lines of `tail volume --json` and `tail queues --json`, where the loop acted also of `tail decisions "
        "--json`; default: the log of the settings",
    )
    parser.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"try another limit: {', '.join(LoopRule.model_fields)}; may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="one decision a line, as the topic would hold it")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    decisions, names = asyncio.run(backtest(with_rule(load(), options.rule), options.files))
    for decision in decisions:
        print(_as_json(decision) if options.json else _line(decision, names[decision.subject]))
    if not options.json:
        counts = {action: sum(one.action == action for one in decisions) for action in ("adjust", "restore", "suggest")}
        print(", ".join(f"{count} {action}" for action, count in counts.items()))
    return 0


def with_rule(settings: Settings, words: list[str]) -> Settings:
    """The settings with some limits of the rule replaced. Raises SettingsError naming what is wrong."""
    changed: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in LoopRule.model_fields:
            raise SettingsError(f"--rule {word}: NAME=VALUE with a name of {', '.join(LoopRule.model_fields)}")
        changed[name] = value
    try:
        rule = LoopRule.model_validate({**settings.loop_rule.model_dump(), **changed})
    except ValidationError as error:
        wrong = [f"{one['loc'][0]}: {one['msg']}" for one in error.errors(include_url=False)]
        raise SettingsError(f"--rule {'; '.join(wrong)}") from error
    return settings.model_copy(update={"loop_rule": rule})


def _as_json(decision: Decision) -> str:
    return orjson.dumps({"time": instant(decision.time), **orjson.loads(decision.data())}).decode()


def _line(decision: Decision, name: str) -> str:
    target, seen = decision.target.get("serviceLevelSeconds"), decision.seen
    aim = f"  target {target:g} s" if isinstance(target, int | float) else ""
    what = f"{decision.action:<10} {name or decision.queue_id}  {decision.media_type or ''}{aim}"
    numbers = f" ({seen['offered']} offered in the hour, {seen['serviceLevel']:.1%} in time)" if seen else ""
    return f"{instant(decision.time)}  {what}  {decision.reason}{numbers}"
