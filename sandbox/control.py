"""What a test or the demo may do to the sandbox, and read from it: everything under `/_sandbox/`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from aiohttp import web

from sandbox.clock import stamp
from sandbox.genesys.guard import Failure
from sandbox.names import ADMIN, BUSINESS_UNIT, EMAIL, ORGANISATION, QUEUES, pool
from sandbox.parts import Sandbox
from sandbox.world import UNITS

Json = dict[str, Any]


class Control:
    """One method for each address. Bodies are JSON objects; what is not known is a 404."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        read: dict[str, Callable[[], Json]] = {
            "organisation": self.organisation,
            "ledger": self.ledger,
            "summary": self.summary,
            "counts": self.counts,
            "clock": self.clock,
            "wfm": self.wfm,
        }
        write: dict[str, Callable[..., Any]] = {
            "failures": self.fail,
            "permissions": self.permissions,
            "tokens": self.tokens,
            "rate": self.rate,
            "down": self.down,
            "advance": self.advance,
            "floor": self.floor,
            "wfm": self.set_wfm,
            "queues/{id}": self.queue,
            "schedules/{id}": self.schedule,
            "groups/{id}": self.group,
            "groups/{group}/schedules/{id}": self.guide_schedule,
            "campaigns/{id}": self.campaign,
            "agents/{id}": self.agent,
            "agents/{id}/shifts": self.shift,
        }
        gets = [web.get(f"/_sandbox/{path}", _reading(act)) for path, act in read.items()]
        return [*gets, *(web.post(f"/_sandbox/{path}", _writing(act)) for path, act in write.items())]

    def organisation(self) -> Json:
        """Ids, and the backup pool by queue."""
        world = self._sandbox.world
        return {
            "organisation": ORGANISATION,
            "businessUnit": BUSINESS_UNIT,
            "managementUnits": UNITS,
            "queues": [
                {"id": q.id, "name": q.name, "media": q.media, "targetSeconds": q.target_seconds} for q in QUEUES
            ],
            "pool": {EMAIL.id: list(pool())},
            "agents": [{"id": a.id, "name": a.name, "crew": a.crew.name} for a in world.agents.values()],
            "groups": {key: group["name"] for key, group in world.groups.items()},
            "schedules": {key: schedule["name"] for key, schedule in world.schedules.items()},
            "campaigns": {key: campaign["name"] for key, campaign in world.campaigns.items()},
        }

    def ledger(self) -> Json:
        """Emitted events, the last state by subject, breaches and changes of queues. `pending`: not yet taken."""
        ledger = self._sandbox.ledger
        return {
            **self.summary(),
            "emitted": [asdict(entry) for entry in ledger.entries.values()],
            "state": ledger.state,
        }

    def summary(self) -> Json:
        """The ledger without its long lists: cheap enough to be read every second."""
        ledger = self._sandbox.ledger
        return {
            "now": stamp(self._sandbox.clock.now()),
            "pending": ledger.pending,
            "emittedCount": len(ledger.entries),
            "ackedCount": sum(entry.acked is not None for entry in ledger.entries.values()),
            **self._sandbox.witness.shown(),
        }

    def counts(self) -> Json:
        """Requests by `METHOD template status`, tokens issued, and the calls that were let through."""
        guard = self._sandbox.guard
        calls = [{"method": call.method, "path": call.path, "body": call.body} for call in guard.seen]
        return {"requests": dict(guard.counts), "tokens": self._sandbox.login.issued, "calls": calls}

    def clock(self) -> Json:
        """The sandbox's clock."""
        clock = self._sandbox.clock
        return {"now": stamp(clock.now()), "begin": stamp(clock.begin), "speed": clock.speed()}

    def wfm(self) -> Json:
        """What the WFM stand-in took, by endpoint."""
        return {name: books.shown() for name, books in self._sandbox.wfm.books.items()}

    def fail(self, body: Json) -> None:
        """Plant a `Failure` by its fields: `path` (a prefix), `method`, `times`, `status`, … Empty: plant none."""
        if body:
            self._sandbox.guard.failures.append(Failure(**body))
        else:
            self._sandbox.guard.failures.clear()

    def permissions(self, body: Json) -> None:
        """`missing`: what the client may not do."""
        self._sandbox.guard.missing = set(body["missing"])

    def tokens(self, body: Json) -> None:
        """All tokens expire; `seconds`: how long new ones live."""
        self._sandbox.guard.tokens.clear()
        self._sandbox.login.token_seconds = body.get("seconds", self._sandbox.login.token_seconds)

    def rate(self, body: Json) -> None:
        """`limit`: requests a minute."""
        self._sandbox.guard.rate_limit = int(body["limit"])

    async def down(self, body: Json) -> None:
        """`part` (genesys, login, wfm), `down`. The WFM refuses connections, or answers `status` with `retryAfter`."""
        is_down, part = bool(body["down"]), body["part"]
        if part == "genesys":
            self._sandbox.guard.down = is_down
        elif part == "login":
            self._sandbox.login.down = is_down
        elif part == "wfm":
            status = body.get("status") if is_down else None
            self._sandbox.wfm.answer_with, self._sandbox.wfm.retry_after = status, body.get("retryAfter")
            await self._sandbox.listen_wfm(listening=not (is_down and status is None))
        else:
            raise KeyError(part)

    def advance(self, body: Json) -> None:
        """`seconds`: the clock jumps, and all that happens meanwhile happens."""
        self._sandbox.clock.jump(timedelta(seconds=body["seconds"]))
        self._sandbox.life.step()

    def floor(self, body: Json) -> None:
        """`quiet`: make events or none."""
        self._sandbox.life.quiet = bool(body["quiet"])

    def set_wfm(self, body: Json) -> None:
        """`poison`: event ids that are refused with 422; `unsigned`: take unsigned batches."""
        self._sandbox.wfm.poison = set(body.get("poison", ()))
        self._sandbox.wfm.unsigned = bool(body.get("unsigned", False))

    def queue(self, body: Json, key: str) -> None:
        """A person: `serviceLevelSeconds` (with `media`), `joined` {user: bool}, or `deleted`."""
        world = self._sandbox.world
        if body.get("deleted"):
            world.remove(world.queues, key, ADMIN)
            return
        if "serviceLevelSeconds" in body:
            media = body.get("media") or self._sandbox.floor.queues[key].media
            self._sandbox.routing.by_a_person(key, media, body["serviceLevelSeconds"])
        if "joined" in body:
            self._sandbox.routing.settle(key, body["joined"], ADMIN)

    def schedule(self, body: Json, key: str) -> None:
        """A person edits a schedule (fields to merge), or `deleted`."""
        self._edit(self._sandbox.world.schedules, key, body)

    def guide_schedule(self, body: Json, group: str, key: str) -> None:
        """A person edits a schedule of the guide dialect (fields to merge), or `deleted`."""
        room = self._sandbox.guide.schedules
        if body.get("deleted"):
            room.remove(group, key)
        else:
            room.by_a_person(group, key, **body)

    def group(self, body: Json, key: str) -> None:
        """A person edits a schedule group."""
        self._edit(self._sandbox.world.groups, key, body)

    def campaign(self, body: Json, key: str) -> None:
        """A person edits a campaign's schedule."""
        self._edit(self._sandbox.world.campaigns, key, body)

    def _edit(self, table: dict[str, Json], key: str, body: Json) -> None:
        if body.get("deleted"):
            self._sandbox.world.remove(table, key, ADMIN)
        else:
            self._sandbox.world.put(table, key, {**table[key], **body}, ADMIN)

    def agent(self, body: Json, key: str) -> None:
        """`presence` (as REST spells it), `outOfOffice` {…}, or `deleted`."""
        desk = self._sandbox.floor.desks[key]
        if "presence" in body:
            self._sandbox.floor.set_presence(desk, body["presence"])
        if "outOfOffice" in body:
            self._sandbox.people.away[key] = body["outOfOffice"]
        if body.get("deleted"):
            self._sandbox.world.gone.add(key)

    def shift(self, body: Json, key: str) -> None:
        """Of floor day `day` (0 = the first): `moveMinutes`, or `deleted`."""
        number = list(self._sandbox.world.agents).index(key)
        if body.get("deleted"):
            self._sandbox.life.remove_shift(number, body["day"])
        else:
            self._sandbox.life.move_shift(number, body["day"], timedelta(minutes=body["moveMinutes"]))


def _reading(act: Callable[[], Json]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response(act())

    return handle


def _writing(act: Callable[..., Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        try:
            done = act(body, *request.match_info.values())
            if isinstance(done, Awaitable):
                await done
        except (KeyError, ValueError, TypeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=404)
        return web.json_response({})

    return handle
