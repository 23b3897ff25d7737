"""A simulation from its file to what it comes to; nothing else is read, asked or written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from handlers.requests.words import InvalidRequest, Problem
from handlers.simulate.distribution import as_data, as_picture, as_table
from handlers.simulate.routing import simulate
from handlers.simulate.simulation import Simulation
from processor.app.requests.files import fault
from processor.drawing.png import png
from processor.drawing.svg import svg

EXAMPLE = "see examples/simulation.yaml"


@dataclass(frozen=True, slots=True)
class Prediction:
    """`data` as it is printed for programs."""

    data: Mapping[str, Any]

    def table(self) -> str:
        """For people."""
        return as_table(self.data)

    def svg(self) -> str:
        """The distribution as a picture."""
        return svg(as_picture(self.data))

    def png(self) -> bytes:
        """The same without a browser."""
        return png(as_picture(self.data))


def predict(path: Path) -> Prediction:
    """Raises `InvalidRequest` with all that is wrong with the file."""
    asked = Simulation.read(_mapping(path))
    rules, agents = asked.rules(), asked.staff()
    return Prediction(as_data(simulate(rules, asked.contacts(), agents, asked.seed), rules, agents))


def _mapping(path: Path) -> Mapping[str, Any]:
    """JSON where it is JSON (YAML would take a minute for a hundred thousand contacts), else YAML."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidRequest([Problem(str(path), fault(error), EXAMPLE)]) from error
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            found = yaml.safe_load(content)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InvalidRequest([Problem(str(path), fault(error), EXAMPLE)]) from error
    if not isinstance(found, dict):
        raise InvalidRequest([Problem(str(path), "not one object with queue, emails and agents", EXAMPLE)])
    return found
