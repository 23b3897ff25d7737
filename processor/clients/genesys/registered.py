"""What came of registering our receiver with Genesys, in either dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Registered:
    """One webhook or trigger: its id, and whether it was there before."""

    id: str
    name: str
    deed: Literal["created", "updated", "unchanged"]
