"""The judge of the chaos runs is judged: each fault that it must see is planted, and a faultless history passes."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import pytest

from tests.chaos.faultless import PLANTS, faultless
from tests.chaos.history import Post, Row, Told, rows, violations

SUBJECT = "agent/u-1"


def post(number: int, facet: str = "presence", *, acknowledged: bool = True) -> Post:
    values = {"presence": "BUSY", "routing": "IDLE"}
    body = json.dumps({"id": f"e{number}"})
    return Post(f"e{number}", SUBJECT, facet, values.get(facet, ""), f"2026-03-09T13:0{number}", body, acknowledged)


def raw(of: Post, offset: int) -> Row:
    return Row("genesys.raw", 3, offset, of.subject, {"ce_id": of.id}, of.body)


def caused(of: Post) -> dict[str, str]:
    return {"ce_causationid": of.id, "ce_causedigest": hashlib.sha256(of.body.encode()).hexdigest()[:8]}


def presence(of: Post, offset: int, routing: Post | None = None) -> Row:
    data = {"presence": of.value, "presenceSince": of.at}
    if routing:
        data |= {"routingStatus": routing.value, "routingStatusSince": routing.at}
    cause = routing or of
    headers = {"ce_id": cause.id, **caused(cause)}
    return Row("genesys.presence", 3, offset, of.subject, headers, json.dumps(data))


def fate(of: Post, offset: int) -> Row:
    headers = {"ce_id": f"{of.id}@3-{offset}", **caused(of)}
    return Row("genesys.fates", 3, offset, of.subject, headers, '{"fate":"duplicate"}')


def dead(of: Post, offset: int, place: int) -> Row:
    headers = {"ce_id": of.id, "dlq_topic": "genesys.raw", "dlq_id": f"normalise.genesys.raw.3.{place}"}
    headers["dlq_replayed"] = "0"
    return Row("genesys.deadletters", 3, offset, of.subject, headers, of.body)


FIRST, SECOND, ROUTING = post(1), post(2), post(3, "routing")
JUNK, REFUSED = post(4, "junk"), post(5, acknowledged=False)
POSTS = (FIRST, SECOND, ROUTING, JUNK, REFUSED)
LOG = (
    *(raw(each, offset) for offset, each in enumerate((FIRST, SECOND, FIRST, ROUTING, JUNK))),
    presence(FIRST, 0),
    presence(SECOND, 1),
    presence(SECOND, 2, ROUTING),
    fate(FIRST, 0),
    dead(JUNK, 0, 4),
)
TOLD = (Told("e2", SUBJECT, "3-1"), Told("e3", SUBJECT, "3-2"))


def without(*gone: Row) -> tuple[Row, ...]:
    return tuple(row for row in LOG if row not in gone)


def test_a_faultless_history_passes():
    assert not violations(POSTS, LOG, TOLD)
    assert not violations(POSTS, LOG)


CLEAN = LOG[5:8]
PLANTED: dict[str, tuple[str, Sequence[Row], Sequence[Told]]] = {
    "an acknowledged post is gone": ("lost: e4", without(LOG[4], LOG[9]), TOLD),
    "its bytes have changed": ("lost: e4", (*without(LOG[4]), replace(LOG[4], value='{"id":"e4"} ')), TOLD),
    "nobody sent it": ("invented: genesys.raw-3@5", (*LOG, raw(post(9), 5)), TOLD),
    "no fate": ("fate: e1 is in raw 2 times and ended 1", without(LOG[8]), TOLD),
    "two fates": ("fate: e1 is in raw 2 times and ended 3", (*LOG, fate(FIRST, 1)), TOLD),
    "parked twice": ("dead letters 2 times", (*LOG, dead(JUNK, 1, 4)), TOLD),
    "published twice": ("twice: genesys.presence holds e3", (*LOG, presence(SECOND, 3, ROUTING)), TOLD),
    "published and parked": ("fate: e2 is in raw 1 times and ended 2", (*LOG, dead(SECOND, 1, 1)), TOLD),
    "a subject in two partitions": ("order: agent/u-1", (*without(LOG[9]), replace(LOG[9], partition=4)), TOLD),
    "an offset is missing": ("order: the offsets", (*without(LOG[7]), replace(LOG[7], offset=3)), TOLD),
    "time goes back": (
        "back: genesys.presence-3@1",
        (*without(*CLEAN[:2]), presence(SECOND, 0), presence(FIRST, 1)),
        TOLD,
    ),
    "a facet is forgotten": ("back:", (*LOG, presence(SECOND, 3)), TOLD),
    "the last word is not the newest": (
        "stale: presence of agent/u-1",
        (*without(*CLEAN), presence(FIRST, 0), fate(SECOND, 1), presence(FIRST, 1, ROUTING)),
        TOLD[1:],
    ),
    "never published": ("stale: routing of agent/u-1", (*without(CLEAN[2]), fate(ROUTING, 1)), TOLD),
    "told under another place": ("wfm: e3 was told as 3-9", LOG, (TOLD[0], Told("e3", SUBJECT, "3-9"))),
    "told of what is in no topic": ("wfm: e7 was told", LOG, (*TOLD, Told("e7", SUBJECT, "3-5"))),
    "the last state was not told": ("wfm: the last state of agent/u-1, e3", LOG, TOLD[:1]),
}


@pytest.mark.parametrize("what", PLANTED)
def test_it_sees(what):
    said, log, told = PLANTED[what]
    assert any(said in found for found in violations(POSTS, log, told)), violations(POSTS, log, told)


@pytest.mark.parametrize("seed", range(8))
def test_a_faultless_product_passes_whatever_its_callers_did(seed: int) -> None:
    history = faultless(seed)
    kinds = {row.topic for row in history.log}
    assert kinds == {"genesys.raw", "genesys.presence", "genesys.fates", "genesys.deadletters"}
    assert not violations(history.posts, history.log, history.told)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("what", PLANTS)
def test_a_fault_at_any_place_of_it_is_seen(what: str, seed: int) -> None:
    history = faultless(seed)
    PLANTS[what](random.Random(seed), history)
    for dense in (True, False):
        assert violations(history.posts, history.log, history.told, dense=dense)


def test_an_empty_history_is_no_good_one() -> None:
    assert violations((), ()) == ["empty: nothing was acknowledged, so this history shows nothing"]
    history = faultless(1)
    refused = [replace(post, acknowledged=False) for post in history.posts]
    assert violations(refused, history.log, history.told)
    assert len(violations(history.posts, ())) >= sum(post.acknowledged for post in history.posts)


def test_what_was_refused_may_be_there_or_not():
    landed = (*LOG, raw(REFUSED, 5), presence(REFUSED, 3, replace(ROUTING, id="e5", body=REFUSED.body)))
    assert not violations(POSTS, landed)


def test_rows_are_read_by_the_view(tmp_path):
    file = tmp_path / "events.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE log (topic, partition, offset, key, headers, value)")
        database.execute(
            """INSERT INTO log VALUES ('genesys.raw', 3, 0, 'agent/u-1', '{"ce_id":"e1"}', '{"id": "e1"}')"""
        )
        database.commit()
    assert rows(file) == [raw(FIRST, 0)]
