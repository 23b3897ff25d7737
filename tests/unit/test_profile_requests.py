"""What a `routing-profile` request may say, and what is recommended when it leaves the utilisation open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.configure_profiles import ConfigureProfiles
from handlers.requests.kinds import read
from handlers.requests.profile import ProfileRequest, check_whole
from handlers.requests.profile_words import differing, same
from handlers.requests.utilization import LOOK_BACK, Thresholds, recommend
from handlers.requests.words import InvalidRequest
from processor.clients.genesys.guide.profiles import details
from processor.clients.genesys.jobs import Found
from processor.clients.genesys.jobs.profiles import Load, Place
from processor.clients.genesys.platform.profiles import CAPACITY, Profiles, _share, proficiency
from processor.errors import RefusedError


def skills(count: int, percent: float = 90) -> list[dict[str, Any]]:
    return [{"skill": {"id": f"s-{number}"}, "utilizationPercent": percent} for number in range(count)]


def codes(count: int) -> list[dict[str, Any]]:
    return [{"id": f"w-{number}", "default": number == 0} for number in range(count)]


def targets(count: int) -> list[dict[str, Any]]:
    return [{"target": {"id": f"q-{number}"}, "overflowType": "QUEUE"} for number in range(count)]


def problems(**fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        read("routing-profile", fields)
    return {problem.place: str(problem) for problem in raised.value.problems}


def test_the_guides_limits_are_the_limits() -> None:
    fields = {"skillAssignments": skills(50), "wrapUpCodes": codes(20), "overflowRoutingTargets": targets(10)}
    read("routing-profile", {"profileId": "p", "name": "n" * 100, "utilizationPercent": 100, **fields})
    found = problems(
        profileId="p",
        name="n" * 101,
        utilizationPercent=101,
        skillAssignments=skills(51),
        wrapUpCodes=codes(21),
        overflowRoutingTargets=targets(11),
    )
    assert set(found) == {
        "name",
        "utilizationPercent",
        "skillAssignments",
        "wrapUpCodes",
        "overflowRoutingTargets",
    }
    assert set(problems(profileId="p", name="", utilizationPercent=-1)) == {"name", "utilizationPercent"}
    many = [f"u-{number}" for number in range(101)]
    read("routing-profile", {"userIds": many[:100], "utilizationPercent": 1})
    assert set(problems(userIds=many, utilizationPercent=1)) == {"userIds"}


def test_every_problem_is_told_at_once_with_its_place() -> None:
    found = problems(
        userIds=["a", "a"],
        profileId="p",
        wrapUpCodes=[{"id": "w", "default": True}, {"id": "w", "default": True}, {"id": "v"}],
        skillAssignments=[*skills(1, 120), *skills(1), {"skill": {}}],
        maximumCapacities={"email": -1},
        utilizationPercent="much",
        colour="red",
    )
    assert set(found) >= {
        "userIds[1]",
        "profileId",
        "queueId",
        "wrapUpCodes[1].id",
        "wrapUpCodes[1].default",
        "wrapUpCodes[2].default",
        "skillAssignments[0].utilizationPercent",
        "skillAssignments[1].skill.id",
        "skillAssignments[2].skill.id",
        "skillAssignments[2].utilizationPercent",
        "maximumCapacities.email",
        "utilizationPercent",
        "maximumCapacities",
        "colour",
    }
    assert all("(" in found[place] for place in ("profileId", "queueId", "userIds[1]", "wrapUpCodes[1].default"))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, ""),
        ({"profileId": "p"}, ""),
        ({"utilizationPercent": 5}, "profileId"),
        ({"profileId": "../x", "utilizationPercent": 5}, "profileId"),
        ({"profileId": "p", "maximumCapacities": {"email": 1}}, "maximumCapacities"),
        ({"userIds": [], "utilizationPercent": 5}, "userIds"),
        ({"userIds": ["a"], "wrapUpCodes": codes(1)}, "queueId"),
        ({"profileId": "p", "overflowRoutingTargets": targets(1) * 2}, "overflowRoutingTargets[1].target.id"),
        ({"profileId": "p", "skillAssignments": "many"}, "skillAssignments"),
    ],
)
def test_what_no_request_may_be(fields: dict[str, Any], place: str) -> None:
    assert place in problems(**fields)


def test_ids_that_are_none_are_told_at_their_place_and_break_nothing() -> None:
    for junk in ([], {}, None, 5, ["a"]):
        told = problems(profileId="p", wrapUpCodes=[{"id": junk, "default": False}] * 2)
        assert {"wrapUpCodes[0].id", "wrapUpCodes[1].id"} <= set(told)


def test_requests_about_one_profile_keep_their_order() -> None:
    assert ProfileRequest.read({"profileId": "p-1", "queueId": "q"}).subject() == "profile/p-1"
    both = [ProfileRequest.read({"userIds": users, "utilizationPercent": 1}) for users in (["b", "a"], ["a", "c"])]
    assert [one.subject() for one in both] == ["agent/a", "agent/a"]


def test_the_merged_profile_is_what_is_judged() -> None:
    there = {"name": "Tier 1", "skillAssignments": skills(2), "wrapUpCodes": codes(1), "utilizationPercent": None}
    check_whole(there)
    with pytest.raises(InvalidRequest) as raised:
        check_whole({**there, "name": "", "skillAssignments": skills(51), "wrapUpCodes": [{"id": "w"}]})
    assert {problem.place for problem in raised.value.problems} == {
        "name",
        "skillAssignments",
        "wrapUpCodes[0].default",
    }


@pytest.mark.parametrize(
    ("load", "percent"),
    [
        (None, 85),
        (Load(0, 0, 0), 85),
        (Load(30, 95, 5), 85),
        (Load(30.1, 100, 0), 92),
        (Load(10, 949, 51), 92),
        (Load(4.9, 1000, 0), 78),
        (Load(4.9, 990, 10), 85),
        (Load(5, 1000, 0), 85),
        (Load(41, 900, 61), 92),
    ],
)
def test_the_guides_rule(load: Load | None, percent: float) -> None:
    assert recommend(load, Thresholds()).percent == percent


def test_the_rules_thresholds_are_a_matter_of_settings() -> None:
    rule = Thresholds(long_wait=60, high=95, usual=80)
    assert [recommend(Load(wait, 100, 0), rule).percent for wait in (61, 31)] == [95, 80]


def test_the_query_is_the_guides(shared) -> None:
    import json  # noqa: PLC0415

    sample = json.loads((shared / "genesys" / "samples" / "guide3.queue_details.query.request.json").read_text())
    assert details("q-1", LOOK_BACK) == sample


def test_percentages_on_the_official_scales() -> None:
    assert [proficiency({"utilizationPercent": percent}) for percent in (0, 50, 90, 100)] == [0, 2.5, 4.5, 5]
    assert [_share(4, percent) for percent in (0, 1, 50, 62.5, 75, 100)] == [0, 1, 2, 3, 3, 4]
    assert _share(0, 100) == 0


def test_order_and_names_make_no_difference_but_the_order_of_overflow_does() -> None:
    named = [{"skill": {"id": "s-0", "name": "Zero"}, "utilizationPercent": 90.0}, *skills(2)[1:]]
    assert same({"skillAssignments": skills(2)}, {"skillAssignments": named[::-1]})
    assert same(codes(2), codes(2)[::-1])
    assert not same(codes(2), codes(1))
    assert not same(targets(2), targets(2)[::-1])
    assert not same(skills(1), skills(1, 91))
    assert same(skills(1, 90.04), skills(1)), "a proficiency is not told more exactly"


def test_only_what_was_expected_is_compared() -> None:
    there = {"users": {"a": {"maximumCapacities": {"email": 2}, "skillAssignments": []}}, "wrapUpCodes": []}
    assert differing({"users": {"a": {"maximumCapacities": {"email": 2}}}}, there) == []
    assert differing({"users": {"a": {"maximumCapacities": {"email": 3}}}, "wrapUpCodes": codes(1)}, there) == [
        "users.a.maximumCapacities",
        "wrapUpCodes",
    ]


def test_what_cannot_be_taken_back_is_said() -> None:
    rules = ConfigureProfiles(None, lambda: datetime.now(UTC))  # type: ignore[arg-type]
    request = ProfileRequest.read({"profileId": "p", "utilizationPercent": 60})
    back = rules.reverse(request, {"utilizationPercent": 85, "name": "n"}, {"utilizationPercent": 60, "name": "n"})
    assert back == {"profileId": "p", "utilizationPercent": 85}
    with pytest.raises(RefusedError, match="no utilizationPercent before"):
        rules.reverse(request, {"utilizationPercent": None}, {"utilizationPercent": 60})
    with pytest.raises(RefusedError, match="nothing was changed"):
        rules.reverse(request, {"utilizationPercent": 60}, {"utilizationPercent": 60})


def test_only_those_who_were_changed_are_named_in_an_undo() -> None:
    rules = ConfigureProfiles(None, lambda: datetime.now(UTC))  # type: ignore[arg-type]
    request = ProfileRequest.read({"userIds": ["a", "b"], "utilizationPercent": 50})
    one, other = {"maximumCapacities": {"email": 4}}, {"maximumCapacities": {"email": 2}}
    back = rules.reverse(request, {"users": {"a": one, "b": other}}, {"users": {"a": other, "b": other}})
    assert back == {"userIds": ["a"], **one}
    with pytest.raises(RefusedError, match="different"):
        rules.reverse(request, {"users": {"a": one, "b": {"maximumCapacities": {"email": 3}}}}, {"users": {}})


def test_a_capacity_is_written_beside_what_else_is_set_there() -> None:
    place = Place(CAPACITY, "a")
    own = {
        "level": "Agent",
        "utilization": {"email": {"maximumCapacity": 4, "interruptableMediaTypes": ["call"], "includeNonAcd": True}},
        "labelUtilizations": {"l-1": {"labelName": "Gold", "maximumCapacity": 2}},
        "maxInboundCalls": 3,
    }
    found = Found({"own": own, "organisation": own}, "", datetime.now(UTC))
    (write,) = Profiles(None).writes(place, found, {"maximumCapacities": {"email": 2}})  # type: ignore[arg-type]
    assert write.body == {
        "utilization": {"email": {"maximumCapacity": 2, "interruptableMediaTypes": ["call"], "includeNonAcd": True}},
        "labelUtilizations": {"l-1": {"maximumCapacity": 2}},
        "maxInboundCalls": 3,
    }
