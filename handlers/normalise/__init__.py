"""A vendor's payload to events in UTC, or to look-here records."""

from handlers.normalise.counting import count
from handlers.normalise.normaliser import Normalise
from handlers.normalise.reading import Context

__all__ = ["Context", "Normalise", "count"]
