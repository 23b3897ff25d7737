"""The sandbox's floor: what it does when nobody interferes, when members join, when only the target moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.clock import SimClock, stamp
from sandbox.demand import Arrival, Arrivals, rate
from sandbox.entities import queue as queue_json
from sandbox.floor import Contact, Floor
from sandbox.ledger import Witness
from sandbox.measure import Measured, happened, offered
from sandbox.names import CHAT, EMAIL, QUEUES, VOICE, agents, members, pool
from sandbox.roster import MEAL, Roster
from sandbox.world import World

BEGIN = datetime(2026, 3, 9, 18, 3, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_floor(seed: int = 1) -> tuple[Floor, dict[str, dict[str, bool]]]:
    joined = {queue.id: members(queue) for queue in QUEUES}
    floor = Floor(seed, Roster(BEGIN), agents(), QUEUES, joined)
    floor.advance(BEGIN)
    return floor, joined


def last(floor: Floor, minutes: float, queue: str = EMAIL.id) -> Measured:
    return offered(floor.contacts[queue], floor.time - minutes * 60, floor.time)


def breached(floor: Floor) -> bool:
    hour = last(floor, 60)
    return hour.offered > 500 and (hour.service_level(EMAIL.target_seconds) or 1) < 0.85


def test_the_same_seed_is_the_same_day_however_often_one_looks() -> None:
    (one, _), (other, _) = a_floor(7), a_floor(7)
    coarse = one.advance(BEGIN + 30 * MINUTE)
    fine = [told for step in range(1, 31) for told in other.advance(BEGIN + step * MINUTE)]
    assert coarse == fine
    assert len(coarse) > 1000
    assert a_floor(8)[0].advance(BEGIN + 30 * MINUTE) != coarse


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_busy_hour_breaches_early_and_not_before(seed: int) -> None:
    floor, _ = a_floor(seed)
    assert not breached(floor)
    assert (last(floor, 60).service_level(EMAIL.target_seconds) or 0) > 0.9
    first = next(step for step in range(1, 60) if floor.advance(BEGIN + step * MINUTE) and breached(floor))
    assert 5 <= first <= 20


@pytest.mark.parametrize("seed", range(1, 9))
def test_members_who_join_bring_the_service_level_back_and_nothing_else_does(seed: int) -> None:
    (helped, joined), (left, _) = a_floor(seed), a_floor(seed)
    for floor in (helped, left):
        floor.advance(BEGIN + 14 * MINUTE)
    for user in pool():
        joined[EMAIL.id][user] = True
    for floor in (helped, left):
        floor.advance(BEGIN + 28 * MINUTE)
    assert (last(helped, 8).service_level(EMAIL.target_seconds) or 0) > 0.9
    assert (last(left, 8).service_level(EMAIL.target_seconds) or 0) < 0.1
    for number in range(100):  # the callers are the same people: only what became of them differs
        assert helped.contacts[EMAIL.id][number].arrival == left.contacts[EMAIL.id][number].arrival
    for floor in (helped, left):
        floor.advance(BEGIN + 90 * MINUTE)
    assert last(helped, 60).offered < 500
    assert (last(helped, 60).service_level(EMAIL.target_seconds) or 0) > 0.9


def test_what_the_pool_does_elsewhere_is_left_undone_there() -> None:
    waits = []
    for join in (False, True):
        floor, joined = a_floor(2)
        floor.advance(BEGIN + 14 * MINUTE)
        for user in pool() if join else ():
            joined[EMAIL.id][user] = True
        floor.advance(BEGIN + 40 * MINUTE)
        waits.append(sum(last(floor, 26, VOICE.id).waits))
    assert waits[1] > waits[0]


def test_the_longest_waiting_is_answered_first_whatever_the_targets_are() -> None:
    floor, joined = a_floor(3)
    for user in pool():
        joined[EMAIL.id][user] = True
    floor.advance(BEGIN + 25 * MINUTE)
    able = [contact for contact in floor.contacts[EMAIL.id] if not contact.arrival.billing and contact.answered]
    answers = [contact.answered for contact in able]
    assert answers == sorted(answers, key=lambda moment: moment or 0.0)


def test_who_serves_two_queues_takes_whoever_waited_longest_in_either() -> None:
    floor, joined = a_floor(3)
    desk = next(floor.desks[user] for user in pool() if floor.desks[user].agent.crew.queue is VOICE)
    joined[EMAIL.id][desk.agent.id] = True
    mail, call = (Contact(Arrival(floor.time - ago, 60, 600, billing=False)) for ago in (40, 90))
    for queue, contact in ((EMAIL, mail), (VOICE, call)):
        floor.waiting[queue.id].clear()
        floor.waiting[queue.id].append(contact)
    desk.contact = None
    floor._take_next(desk)
    assert desk.contact is call


def test_a_tighter_target_changes_what_counts_not_who_answers() -> None:
    begin = datetime.now(UTC)
    clock = SimClock(1, 0)
    world = World(clock.now)
    floor = Floor(1, world.roster, world.agents.values(), QUEUES, world.members)
    floor.advance(begin + 40 * MINUTE)
    answered = [contact.answered for contact in floor.contacts[EMAIL.id]]
    queue = world.queues[EMAIL.id]
    queue["mediaSettings"]["email"]["serviceLevel"]["durationMs"] = 30_000
    floor.advance(begin + 40 * MINUTE)
    assert [contact.answered for contact in floor.contacts[EMAIL.id]] == answered
    assert last(floor, 60).within(30) < last(floor, 60).within(60)


def test_nobody_takes_what_he_has_no_skill_for() -> None:
    floor, _ = a_floor(4)
    for step in range(1, 60):
        floor.advance(BEGIN + step * MINUTE)
        held = [desk for desk in floor.desks.values() if desk.contact and desk.contact.arrival.billing]
        assert all("billing" in desk.agent.skills for desk in held)


def test_agents_come_pause_and_go_as_their_shifts_say() -> None:
    floor, _ = a_floor(5)
    agent = next(agent for agent in agents() if agent.crew.name == "Midday")
    shift = floor.roster.shift(agent, 0)
    assert shift
    assert floor.desks[agent.id].presence == "Offline"
    floor.advance(shift.start + 2 * MINUTE)
    assert (floor.desks[agent.id].presence, floor.desks[agent.id].routing != "OFF_QUEUE") == ("OnQueue", True)
    meal = next(part for part in shift.parts if part.code == MEAL)
    floor.advance(meal.start + 15 * MINUTE)
    assert (floor.desks[agent.id].presence, floor.desks[agent.id].routing) == ("Meal", "OFF_QUEUE")
    floor.advance(shift.end + 20 * MINUTE)
    assert (floor.desks[agent.id].presence, floor.desks[agent.id].routing) == ("Offline", "OFF_QUEUE")


def test_what_is_told_is_how_it_was_then_not_how_it_is_now() -> None:
    floor, _ = a_floor(6)
    told = [event for event in floor.advance(BEGIN + 60 * MINUTE) if event.what == "presence"]
    came = next(agent for agent in agents() if agent.crew.name == "Midday")
    assert [event.presence for event in told if event.id == came.id] == ["Available", "OnQueue"]
    assert [event.at for event in told] == sorted(event.at for event in told)


def test_a_moved_shift_moves_whole_and_a_removed_one_is_gone() -> None:
    roster = Roster(BEGIN)
    agent = agents()[0]
    before = roster.shift(agent, 1)
    assert before
    moved = roster.move(agent, 1, timedelta(hours=1))
    assert (moved.id, moved.start, moved.end) == (before.id, before.start + 60 * MINUTE, before.end + 60 * MINUTE)
    assert [shift.id for shift in roster.between(agent, before.start, before.end)] == [moved.id]
    roster.remove(agent, 1)
    assert list(roster.between(agent, before.start, before.end)) == []


def test_counts_by_arrival_and_by_event_differ_only_at_the_edges() -> None:
    arrivals = Arrivals(EMAIL, 1)
    contact = Contact(arrivals.next())
    at = contact.arrival.at
    contact.answered, contact.ended = at + 50, at + 100
    assert offered([contact], at, at + 1).waits == (50,)
    assert happened([contact], at, at + 1).waits == ()
    assert happened([contact], at + 50, at + 51).waits == (50,)
    assert offered([contact], at + 1, at + 60) == Measured(0, (), (), ())


def test_sales_and_chat_sleep_at_night_and_mail_does_not() -> None:
    assert rate(VOICE, 3) == rate(CHAT, 23) == 0
    assert 0 < rate(EMAIL, 3) < rate(EMAIL, 8) < rate(EMAIL, 9.2)


def test_the_clock_catches_up_with_now_and_then_keeps_pace() -> None:
    real = 1000.0
    clock = SimClock(120, 60, lambda: real)
    assert timedelta(minutes=118) < datetime.now(UTC) - clock.begin < timedelta(minutes=120)
    assert clock.now() == clock.begin
    real = 1060.0
    assert clock.now() == clock.begin + timedelta(hours=2)
    real = 1070.0
    assert (clock.now(), clock.speed()) == (clock.begin + timedelta(hours=2, seconds=10), 1.0)


def test_the_witness_tells_tightening_restoring_and_people_apart() -> None:
    clock = SimClock(1, 0)
    world = World(clock.now)
    floor = Floor(1, world.roster, world.agents.values(), QUEUES, world.members)
    floor.advance(clock.begin)
    witness = Witness(world, floor, "client")
    for seconds, by in (
        (45, "client"),
        (30, "client"),
        (60, "client"),
        (90, "somebody"),
        (75, "client"),
        (90, "client"),
    ):
        changed = queue_json(EMAIL, clock.begin)
        changed["mediaSettings"]["email"]["serviceLevel"]["durationMs"] = seconds * 1000
        world.put(world.queues, EMAIL.id, changed, by)
    kinds = [seen.kind for seen in witness.changes]
    assert kinds == ["tighten", "tighten", "restore", "person", "tighten", "restore"]
    assert witness.people_want[EMAIL.id] == 90
    assert (witness.shown()["adjustments"], witness.shown()["restores"]) == (3, 2)


def overflowing(seconds: float) -> Floor:
    joined = {queue.id: members(queue) for queue in QUEUES}
    floor = Floor(1, Roster(BEGIN), agents(), QUEUES, joined, overflow=lambda _: seconds)
    floor.advance(BEGIN)
    return floor


def test_where_the_target_asks_the_whole_team_a_tighter_one_brings_the_service_level_up() -> None:
    floors = {seconds: overflowing(seconds) for seconds in (60, 30)}
    alone, _ = a_floor()
    levels = {}
    for seconds, floor in {**floors, None: alone}.items():
        floor.advance(BEGIN + 25 * MINUTE)
        levels[seconds] = last(floor, 20).service_level(EMAIL.target_seconds) or 0
    assert levels[30] > levels[60] + 0.1
    assert levels[60] >= levels[None]


def test_who_is_not_joined_takes_nothing_before_the_target_has_passed() -> None:
    floor = overflowing(45)
    floor.advance(BEGIN + 25 * MINUTE)
    helpers = {user for user, joined in members(EMAIL).items() if not joined}
    taken = [
        desk.contact
        for desk in floor.desks.values()
        if desk.agent.id in helpers and desk.contact in floor.contacts[EMAIL.id]
    ]
    assert taken
    assert min(contact.wait for contact in taken) >= 45


def test_an_agent_who_is_taken_again_at_once_was_idle_before() -> None:
    floor, _ = a_floor()
    told = [one for one in floor.advance(BEGIN + 40 * MINUTE) if one.what == "routing"]
    times: dict[str, list[str]] = {}
    for one in told:
        times.setdefault(one.id, []).append(stamp(one.routing_since or one.at))
    assert len(told) > 1000
    for each in times.values():
        assert sorted(set(each)) == each
