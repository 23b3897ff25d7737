"""The words behind a command of several: what `--help` of the command says of each, its own `--help` says too."""

from __future__ import annotations

import argparse
from typing import Any


def action(actions: Any, name: str, says: str) -> argparse.ArgumentParser:
    """One more of them."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.")
    return parser
