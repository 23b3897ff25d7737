"""A callback in: its bytes untouched in raw, its clean record, its fate; over restarts and crashes."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

import aiohttp
import orjson
import pytest

from processor.demo.processes import free_port
from tests.e2e.payloads import GUIDE_SCHEDULE, at, eventbridge, presence
from tests.e2e.programs import BASIC, command, eventually, running


async def test_posted_files_are_in_the_topics_and_tell_their_fates(tmp_path):
    bodies = {
        "spaced.json": orjson.dumps(presence("u-1", "BUSY", 1, name="eb-1"), option=orjson.OPT_INDENT_2) + b"\n",
        "hours.json": '{ "note":"höchst unverändert", '.encode() + orjson.dumps(GUIDE_SCHEDULE)[1:],
        "odd.json": b'{"hello": 1.50}',
    }
    for name, body in bodies.items():
        (tmp_path / name).write_bytes(body)
    async with running(tmp_path, RECEIVER_PORT=str(free_port())) as product:
        done = await product.command("post", *bodies)
        assert done.code == 0, done.err
        ids = [event_id for line in done.lines for event_id in line["ids"]]
        assert ids[:2] == ["eb-1", "evt-hours"]
        assert [await product.fate(event_id) for event_id in ids] == ["published", "published", "dead letter"]
        tail = await product.command("tail", "genesys.raw", "--from", "beginning", "--until-end", "--json")
        raw = {record["headers"]["ce_id"]: record for record in tail.lines}
        for event_id, body in zip(ids, bodies.values(), strict=True):
            assert raw[event_id]["headers"]["ce_datadigest"] == hashlib.sha256(body).hexdigest()
            assert raw[event_id]["value"] == orjson.loads(body)
        (state,) = await product.topic("presence")
        assert (state["key"], state["headers"]["ce_causationid"]) == ("agent/u-1", "eb-1")
        assert state["value"]["presence"] == "BUSY"
        assert state["value"]["presenceSince"] == at(1)
        (hours,) = await product.topic("schedules")
        assert hours["value"]["timeZone"] == "Europe/Paris"
        assert all(one["start"].endswith("Z") for one in hours["value"]["intervals"])
        found = await product.ask("/events/eb-1?subject=agent/u-1")
        assert [record["topic"] for record in found["raw"]] == ["genesys.raw"]
        assert "genesys.presence" in [record["topic"] for record in found["records"]]


async def test_envelopes_are_put_around_a_recorded_payload(tmp_path):
    frame = presence("u-1", "BREAK", 5)["detail"]
    (tmp_path / "frame.json").write_bytes(orjson.dumps(frame))
    async with running(tmp_path) as product:
        url = product.ready["receiver"] + "/webhooks/genesys"
        for envelope in ("eventbridge", "notification", "plain"):
            done = await product.command("post", "frame.json", "--url", url, "--envelope", envelope)
            assert done.code == 0, done.err
            assert len(done.lines[0]["ids"]) == 1
        await product.at_rest()
        assert {record["headers"]["ce_type"] for record in await product.topic("raw")} == {"v2.users.{id}.presence"}
        assert [record["value"]["presence"] for record in await product.topic("presence")] == ["BREAK"]


async def test_duplicates_and_stale_events_are_known_after_a_restart(tmp_path):
    first, later, older = (
        presence("u-1", word, seconds, name=name)
        for word, seconds, name in (("BUSY", 10, "e-1"), ("MEAL", 20, "e-2"), ("AWAY", 15, "e-3"))
    )
    async with running(tmp_path) as product:
        await product.post(first)
        await product.post(later)
        assert await product.fate("e-2") == "published"
        await product.restart()
        assert await product.post(first) == ["e-1"]
        assert await product.post(older) == ["e-3"]
        assert await product.fate("e-3") == "stale"
        await product.at_rest()
        assert [record["value"]["presence"] for record in await product.topic("presence")] == ["BUSY", "MEAL"]
        assert [record["value"]["fate"] for record in await product.topic("fates")] == ["duplicate", "stale"]


async def burst(product, number):
    """Posts from many sides at once until nobody answers any more; the ids that were acknowledged."""
    acknowledged = []

    async def side(lane):
        for index in range(number):
            event_id = f"burst-{lane}-{index}"
            try:
                acknowledged.extend(await product.post(presence(f"u-{lane}", "BUSY", index, name=event_id)))
            except (aiohttp.ClientError, AssertionError):
                return  # refused or cut off: nothing was promised

    lanes = [asyncio.create_task(side(lane)) for lane in range(16)]
    while len(acknowledged) < 150:  # noqa: ASYNC110  # the posts are their own clock
        await asyncio.sleep(0)
    return acknowledged, lanes


@pytest.mark.parametrize("way", ["SIGTERM", "kill -9"])
async def test_what_was_acknowledged_is_kept(tmp_path, way):
    async with running(tmp_path) as product:
        acknowledged, lanes = await burst(product, 400)
        if way == "SIGTERM":
            assert await product.program.end() == 0
        else:
            await product.program.kill()
        await asyncio.gather(*lanes)
        assert len(acknowledged) < 16 * 400, "it ended in the middle"
        counts = Counter(record["headers"]["ce_id"] for record in await product.topic("raw"))
        assert set(acknowledged) <= set(counts)
        await product.start()
        await product.at_rest()
        clean = [record["headers"]["ce_id"] for record in await product.topic("presence")]
        assert len(clean) == len(set(clean))
        assert {record["headers"]["ce_causationid"] for record in await product.topic("presence")} == set(counts)


async def test_a_second_server_on_the_log_refuses_and_says_who_holds_it(tmp_path):
    async with running(tmp_path) as product:
        done = await product.command("serve")
        assert done.code == 1
        assert str(product.program.process.pid) in done.err
        assert "held by" in done.err
        assert "Traceback" not in done.err
        await product.post(presence("u-1", "BUSY", 1))


async def test_a_caller_without_proof_is_told_what_to_do(tmp_path):
    async with running(tmp_path) as product:
        status, answer = await product.try_post(presence("u-1", "BUSY", 1), Authorization="Basic Zm9v")
        assert (status, "ids" in answer) == (401, False)
        assert await product.topic("raw") == []
        (tmp_path / "one.json").write_bytes(orjson.dumps(presence("u-1", "BUSY", 1)))
        url = product.ready["receiver"] + "/webhooks/genesys"
        wrong = {"LOG": product.settings["LOG"], "WEBHOOK_BASIC": BASIC + "-not"}
        done = await command("post", tmp_path / "one.json", "--url", url, settings=wrong)
        assert done.code == 5
        assert "401" in done.err


async def test_every_recorded_sample_is_taken(tmp_path, shared):
    samples = sorted((shared / "genesys" / "samples").glob("event.eb.*.json"))
    async with running(tmp_path) as product:
        done = await product.command("post", *samples, "--url", product.ready["receiver"] + "/webhooks/genesys")
        assert done.code == 0, done.err
        ids = [line["ids"][0] for line in done.lines]
        assert ids == [orjson.loads(sample.read_bytes())["id"] for sample in samples]
        await product.at_rest()
        fates = {event_id: await product.fate(event_id) for event_id in ids}
        assert "dead letter" not in fates.values(), fates


async def test_an_unknown_event_is_parked_shown_and_done_again(tmp_path):
    async with running(tmp_path) as product:
        await product.post(eventbridge("v2.somebody.elses.topic", {"a": 1}, name="odd"))
        assert await product.fate("odd") == "dead letter"
        listed = await product.command("dead-letters", "list")
        name = listed.out.split()[0]
        assert name.startswith("normalise.genesys.raw.")
        shown = await product.command("dead-letters", "show", name)
        assert orjson.loads(shown.out)["value"]["detail"]["eventBody"] == {"a": 1}
        dry = await product.command("dead-letters", "replay", "--all", "--dry-run")
        assert name in dry.out
        assert len(await product.topic("replays")) == 0
        again = await product.command("dead-letters", "replay", name)
        assert (again.code, name in again.out) == (0, True)
        await product.at_rest()

        async def again_in_vain():
            (one,) = [one for one in (await product.ask("/dead-letters"))["deadLetters"] if one["id"] == name]
            return (one["state"], one["replayed"]) == ("parked", 1)

        await eventually(again_in_vain)
        assert (await product.command("dead-letters", "show", "normalise.genesys.raw.0.999")).code == 3
