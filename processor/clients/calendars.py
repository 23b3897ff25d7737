"""Calendars on a CalDAV server: make the entries of a collection what they should be, by conditional writes.

    unchanged meaning       no write
    a change                one PUT with If-Match, SEQUENCE + 1
    new                     PUT with If-None-Match: *, SEQUENCE above any that a person removed
    no longer wanted        DELETE with If-Match, unless it lies wholly before `since`: that is history
    412, somebody was here  read again and decide again

A person's change of our part (times, recurrence, title, description) is put back when the
subject next changes; what else a person adds to an entry stays, and so do entries of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from processor.clients.api import Api, Forbidden, NotAllowed, NotFound, PreconditionFailed, Rejected, Reply
from processor.clients.calendar_entries import Entry, Found, decide, read
from processor.errors import ConflictError, PoisonError, RefusedError, RetryableError

TRIES = 5
"""How often in a row somebody else may be quicker before we wait a while."""

QUERY = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    "<D:prop><D:getetag/><C:calendar-data/></D:prop>"
    '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
    '<C:time-range start="{since:%Y%m%dT%H%M%SZ}"/>'
    "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
)
MAKE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
    "<D:displayname>{title}</D:displayname>"
    '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
    "</D:prop></D:set></C:mkcalendar>"
)
DAV = "{DAV:}"
CAL = "{urn:ietf:params:xml:ns:caldav}"
XML = {"Content-Type": "application/xml; charset=utf-8", "Depth": "1"}
TEXT = {"Content-Type": "text/calendar; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall stand in a collection from `since` (UTC) on; `title` is used when it is made."""

    collection: str
    title: str
    entries: tuple[Entry, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What was done. `restored`: of the updated ones, those in which a person had changed our part."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    restored: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.created or self.updated or self.deleted)

    def counts(self) -> dict[str, int]:
        """By name, for an outcome."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _There:
    """A resource as it was read."""

    path: str
    etag: str
    found: Found | None


class Calendars:
    """The collections under one home. `api`'s base URL is the home; `now` stamps the entries."""

    def __init__(self, api: Api, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now

    async def write(self, wanted: Wanted) -> Written:
        """Make it so. Raises PoisonError when the server will not have an entry, RetryableError otherwise."""
        listed = await self._list(wanted)
        there = {one.found.uid: one for one in listed or () if one.found and one.found.ours}
        tally = {"created": 0, "updated": 0, "deleted": 0, "unchanged": 0, "restored": 0}
        for entry in wanted.entries:
            path = f"{_path(wanted.collection)}{quote(entry.name, safe='')}.ics"
            found = there.pop(entry.uid, None)
            for done in await self._settle(path, found, entry, wanted.since, removed=listed is not None):
                tally[done] += 1
        for one in there.values():
            if _outlives(one.found, wanted.since):
                tally["deleted"] += await self._delete(one)
        return Written(**tally)

    async def remove(self, collection: str) -> bool:
        """Delete a whole collection, whatever is in it. False: it was not there."""
        try:
            await self._ask("DELETE", _path(collection))
        except NotFound:
            return False
        return True

    async def _list(self, wanted: Wanted) -> list[_There] | None:
        """What stands there from `since` on; None when there was no such collection, and now there is."""
        path = _path(wanted.collection)
        query = QUERY.format(since=wanted.since.astimezone(UTC)).encode()
        try:
            reply = await self._ask("REPORT", path, data=query, headers=XML)
        except NotFound:
            await self._make(path, wanted.title)
            return None
        rows = _multistatus(reply)
        return [_There(path + href.rstrip("/").rpartition("/")[2], etag, read(data)) for href, etag, data in rows]

    async def _make(self, path: str, title: str) -> None:
        body = MAKE.format(title=escape(title)).encode()
        try:
            await self._ask("MKCALENDAR", path, data=body, headers={"Content-Type": XML["Content-Type"]})
        except NotAllowed:
            return  # another process made it a moment ago
        except ConflictError as error:
            raise RetryableError(f"{error}; the home of the calendars must exist: check CALDAV_URL") from error

    async def _settle(
        self, path: str, there: _There | None, entry: Entry, since: datetime, *, removed: bool
    ) -> tuple[str, ...]:
        """Until the entry stands there as wanted: what was done."""
        for _ in range(TRIES):
            data = decide(there.found if there else None, entry, since, self._now(), removed=removed)
            if data is None:
                return ("unchanged",)
            condition = {"If-Match": there.etag} if there else {"If-None-Match": "*"}
            try:
                await self._ask("PUT", there.path if there else path, data=data, headers={**TEXT, **condition})
            except PreconditionFailed:
                there = await self._get(there.path if there else path)
                continue
            if there is None:
                return ("created",)
            return ("updated", "restored") if there.found is None or there.found.edited else ("updated",)
        if there is None:  # "it must not exist" failed although it does not: some servers say so of what they refuse
            raise PoisonError(f"{self._api.name}: the calendar server will not have {path}")
        raise RetryableError(f"{self._api.name}: {path} keeps changing under our hands")

    async def _get(self, path: str) -> _There | None:
        try:
            reply = await self._ask("GET", path)
        except NotFound:
            return None
        return _There(path, reply.headers.get("etag", "*"), read(reply.body))

    async def _delete(self, one: _There | None) -> bool:
        for _ in range(TRIES):
            if one is None or one.found is None or not one.found.ours:
                return False
            try:
                await self._ask("DELETE", one.path, headers={"If-Match": one.etag})
            except PreconditionFailed:
                one = await self._get(one.path)
            except NotFound:
                return False
            else:
                return True
        raise RetryableError(f"{self._api.name}: an entry keeps changing under our hands")

    async def _ask(
        self, method: str, path: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request. What a person must mend at the server is waited for; only a bad entry is the record's fault."""
        try:
            return await self._api.request(method, path, data=data, headers=headers)
        except (NotFound, NotAllowed, PreconditionFailed):
            raise
        except Rejected as error:
            if method == "PUT":
                raise PoisonError(f"{error}; the calendar server will not have this entry") from error
            raise RetryableError(f"{error}; is CALDAV_URL a CalDAV home?") from error
        except Forbidden as error:
            raise RetryableError(f"{error}; CALDAV_USER needs to write there") from error
        except ConflictError as error:
            if method == "MKCALENDAR":
                raise
            raise RetryableError(str(error)) from error
        except RefusedError as error:
            raise RetryableError(str(error)) from error


def _outlives(found: Found | None, since: datetime) -> bool:
    """Whether it reaches into the time we know of: only there does its absence mean anything."""
    if found is None or found.entry is None or found.entry.rule:
        return True
    return found.entry.end > since.replace(tzinfo=None)


def _path(collection: str) -> str:
    return f"/{quote(collection, safe='')}/"


def _multistatus(reply: Reply) -> list[tuple[str, str, bytes]]:
    """(href, ETag, calendar data) of each resource."""
    try:
        root = ET.fromstring(reply.body)  # noqa: S314 - expat ≥ 2.4.1 bounds entities; the operator named the server
    except ET.ParseError as error:
        raise RetryableError(f"the calendar server's answer is no XML: {error}; check CALDAV_URL") from error
    rows = []
    for response in root.iter(f"{DAV}response"):
        data = response.findtext(f".//{CAL}calendar-data")
        if data:
            etag = response.findtext(f".//{DAV}getetag") or "*"
            rows.append((unquote(response.findtext(f"{DAV}href") or ""), etag, data.encode()))
    return rows
