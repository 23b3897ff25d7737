"""`campaign-schedule`: taken out again without touching what other people planned."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.configure_campaigns import wanted_of
from handlers.requests.campaign import CampaignScheduleRequest
from processor.errors import ConflictError, RefusedError
from sandbox.genesys.guard import Failure
from tests.contract.campaignsdesk import BUSY, FREE, make, request, rules
from tests.contract.jobsdesk import desk


async def test_what_other_people_planned_stays_and_a_lost_race_is_run_again() -> None:
    async with desk("platform") as there:
        asked = request(there, BUSY)
        plan = await rules(there).plan(asked)
        world = there.sandbox.world
        edited = {**world.campaigns[BUSY], "name": "Autumn push, renamed"}
        before = world.campaigns[BUSY]["recurrences"]
        theirs = {"start": "2031-01-01T10:00:00.000Z", "end": "2031-01-01T11:00:00.000Z"}
        edited["intervals"] = [theirs]
        world.put(world.campaigns, BUSY, edited, "ana")  # between our plan and our write
        there.sandbox.guard.failures.append(Failure("/api/v2/outbound/schedules", "PUT", status=409, code="conflict"))
        result = await rules(there).carry_out(asked, plan, started=False)
        now = world.campaigns[BUSY]
    assert now["name"] == "Autumn push, renamed"
    assert now["recurrences"][: len(before)] == before
    assert now["intervals"][0].items() >= theirs.items()
    assert len(now["recurrences"]) == len(before) + 2
    assert (result.status, result.conflict_retries) == ("done", 1)


async def test_undo_on_the_platform_leaves_what_was_there_before() -> None:
    async with desk("platform") as there:
        world = there.sandbox.world
        before = world.campaigns[BUSY]
        for campaign in (BUSY, FREE):
            asked = request(there, campaign)
            plan, result = await make(there, asked)
            fields = rules(there).reverse(asked, plan.before, result.after)
            undo = CampaignScheduleRequest.read({**fields, "expected": dict(result.after), "undoes": "r-1"})
            taken, gone = await make(there, undo)
            assert (taken.before, gone.after, gone.look) == (result.after, {}, ("campaign",))
            with pytest.raises(RefusedError, match="changed nothing"):
                rules(there).reverse(asked, result.after, result.after)
            _, again = await make(there, undo)
            assert (again.look, again.conflict_retries) == ((), 0)
        assert FREE not in world.campaigns
        assert world.campaigns[BUSY]["recurrences"] == before["recurrences"]
        assert [call.method for call in there.calls()] == ["PUT", "PUT", "PUT", "DELETE"]
        redo = CampaignScheduleRequest.read(rules(there).reverse(undo, gone.before, gone.after))
        await make(there, redo)
        assert FREE in world.campaigns


async def test_undo_is_refused_when_somebody_changed_it_since() -> None:
    async with desk("platform") as there:
        asked = request(there)
        plan, result = await make(there, asked)
        world = there.sandbox.world
        edited = {**world.campaigns[FREE], "recurrences": world.campaigns[FREE]["recurrences"][1:]}
        world.put(world.campaigns, FREE, edited, "ana")
        undo = CampaignScheduleRequest.read({**rules(there).reverse(asked, plan.before, result.after)})
        with pytest.raises(ConflictError, match="only a part"):
            await make(there, undo)


async def test_an_occurrence_that_the_end_cuts_is_taken_out_with_the_rest_and_missed_when_it_is_gone() -> None:
    async with desk("platform") as there:
        today = there.clock.now().date()
        monday = today + timedelta(days=14 - today.weekday())
        asked = request(there, endDate=f"{monday}T14:00:00")
        plan, result = await make(there, asked)
        world = there.sandbox.world
        (cut,) = world.campaigns[FREE]["intervals"]
        undo = CampaignScheduleRequest.read(rules(there).reverse(asked, plan.before, result.after))
        for intervals, stands in (([cut], True), ([], False), ([{"start": "?"}], False)):
            edited = {**world.campaigns[FREE], "intervals": intervals}
            world.put(world.campaigns, FREE, edited, "ana")
            present = await there.jobs.campaigns.present(FREE)
            assert (there.jobs.campaigns.standing(present, wanted_of(asked)) == FREE) == stands
            if not stands:
                with pytest.raises(ConflictError, match="only a part"):
                    await rules(there).plan(undo)
        world.put(world.campaigns, FREE, {**world.campaigns[FREE], "intervals": [cut]}, "ana")
        await make(there, undo)
        assert FREE not in world.campaigns


async def test_the_guide_has_no_call_to_undo_with_and_says_so() -> None:
    async with desk("guide") as there:
        asked = request(there)
        plan, result = await make(there, asked)
        with pytest.raises(RefusedError, match="no call that deletes"):
            rules(there).reverse(asked, plan.before, result.after)
        with pytest.raises(RefusedError, match="no call that takes"):
            await rules(there).plan(asked.model_copy(update={"remove": True}))
