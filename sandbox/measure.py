"""What the floor's contacts come to: the counts and times that Genesys's analytics would report for a span."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sandbox.floor import Contact


@dataclass(frozen=True, slots=True)
class Measured:
    """The contacts offered in a span, and what had become of them by now. Times in seconds."""

    offered: int
    waits: tuple[float, ...]
    """Of those that were answered."""
    abandons: tuple[float, ...]
    handles: tuple[float, ...]

    def within(self, seconds: float) -> int:
        """How many were answered in less than this."""
        return sum(wait < seconds for wait in self.waits)

    def service_level(self, seconds: float) -> float | None:
        """The share of the answered that were answered in time; None when none was answered."""
        return self.within(seconds) / len(self.waits) if self.waits else None


LONGEST = 6 * 3600.0
"""No contact lasts longer: those that arrived so long before a span have no event in it."""


def offered(contacts: Sequence[Contact], start: float, end: float) -> Measured:
    """By the time of arrival: a contact belongs to the span in which it began (Genesys's default)."""
    return _measure(contact for contact in _since(contacts, start) if contact.arrival.at < end)


def happened(contacts: Sequence[Contact], start: float, end: float) -> Measured:
    """By the time of each event (`alternateTimeDimension: eventTime`)."""
    contacts = tuple(_since(contacts, start - LONGEST))

    def inside(moment: float | None) -> bool:
        return moment is not None and start <= moment < end

    return Measured(
        sum(inside(contact.arrival.at) for contact in contacts),
        tuple(contact.wait for contact in contacts if inside(contact.answered)),
        tuple(_abandons(contact for contact in contacts if inside(contact.abandoned))),
        tuple(contact.arrival.handle for contact in contacts if inside(contact.ended)),
    )


def _since(contacts: Sequence[Contact], start: float) -> Iterator[Contact]:
    """From the newest back: a span near the end costs what it holds, not what the day held."""
    for contact in reversed(contacts):
        if contact.arrival.at < start:
            return
        yield contact


def _measure(chosen: Iterator[Contact]) -> Measured:
    contacts = tuple(chosen)
    return Measured(
        len(contacts),
        tuple(contact.wait for contact in contacts if contact.answered is not None),
        tuple(_abandons(contacts)),
        tuple(contact.arrival.handle for contact in contacts if contact.ended is not None),
    )


def _abandons(contacts: Iterable[Contact]) -> Iterator[float]:
    return (contact.abandoned - contact.arrival.at for contact in contacts if contact.abandoned is not None)
