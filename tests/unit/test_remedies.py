"""What is wrong with a request is told with what would do, and that would do: for every field of every kind."""

from __future__ import annotations

import copy
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from handlers.requests.kinds import KINDS, read
from handlers.requests.remedies import sample, would_do
from handlers.requests.words import InvalidRequest, Problem, place

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
Location = tuple[int | str, ...]
OF_TWO_FIELDS = ("ends before it begins", "both a profile and agents", "only agents have", "says the same in another")


def examples(kind: str) -> Iterator[dict[str, Any]]:
    """Requests of this kind in which nothing is wrong."""
    for path in sorted(EXAMPLES.glob(f"{kind}.*yaml")):
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert fields.pop("kind") == kind
        yield {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in fields.items()}


def wrong_with(kind: str, fields: Mapping[str, Any]) -> list[Problem]:
    try:
        read(kind, fields)
    except InvalidRequest as invalid:
        return list(invalid.problems)
    return []


def spots(value: Any, at: Location = ()) -> Iterator[Location]:
    """Every place in a request, the request itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield (*at, step)
        yield from spots(one, (*at, step))


def put(fields: Mapping[str, Any], at: Location, value: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(dict(fields))
    room = changed
    for step in at[:-1]:
        room = room[step]
    room[at[-1]] = value
    return dict(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_the_value_in_a_remedy_would_do(kind: str) -> None:
    whole = KINDS[kind].model_json_schema(by_alias=True)
    tried = 0
    for fields in examples(kind):
        for name, node in whole["properties"].items():
            if name not in ("expected", "undoes"):
                found = wrong_with(kind, {**fields, name: sample(whole, node)})
                alone = [one for one in found if not any(words in one.message for words in OF_TWO_FIELDS)]
                assert [one for one in alone if one.place.startswith(name)] == [], (name, sample(whole, node))
                tried += 1
    assert tried > 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_of_the_wrong_type_is_told_with_its_place_and_what_would_do(kind: str) -> None:
    for fields in examples(kind):
        assert wrong_with(kind, fields) == []
        for at in spots(fields):
            found = wrong_with(kind, put(fields, at, {"nobody": {"reads": "this"}}))
            here = [one for one in found if one.place.startswith(place(at))]
            assert here or at[-1] in ("value", "maximumCapacities"), at  # these take anything
            assert all(one.remedy for one in found)


def test_words_and_bounds() -> None:
    told = {one.place: one for one in wrong_with("schedule", {"name": "", "volumeDays": 40, "queueIds": "q", "by": 4})}
    assert told["scheduleId"].remedy == 'text, such as "6fd315c1-d913-55ca-8471-3a99aba1cfb0"'
    assert told["volumeDays"].remedy == "a whole number from 1 up to 31, such as 7"
    assert told["name"].remedy.startswith("text from 1 up to 256 characters")
    assert told["queueIds"].message == "Input should be a list, not 'q'"
    assert told["queueIds"].remedy.startswith('a list, such as ["')
    told = {one.place: one for one in wrong_with("campaign-schedule", {"remove": "perhaps", "onConstraint": "no"})}
    assert (told["remove"].remedy, told["onConstraint"].remedy) == ("true or false", "warn or refuse")
    assert told["dailySlots"].remedy.endswith('[{"startTime":"09:00:00","endTime":"17:00:00","days":["Monday"]}]')


def test_a_misspelled_field_is_told_with_the_one_that_is_meant() -> None:
    entries = [{"daysOfWeek": ["monday"], "startTime": "09:00", "endTime": "17:00", "starttime": 5}]
    (zone, start) = wrong_with(
        "schedule",
        {"scheduleId": "s", "scheduleGroupId": "g", "timezoneId": "UTC", "timeZone": "UTC", "scheduleEntries": entries},
    )
    assert (zone.place, start.place) == ("scheduleEntries[0].starttime", "timeZone")
    assert zone.remedy.startswith("startTime, or leave it out")
    assert start.remedy.startswith("timezoneId, or leave it out")
    (colour,) = wrong_with("queue-freeze", {"queueId": "q", "colour": "red"})
    assert colour.remedy.startswith("leave it out")


def test_an_unknown_zone_hides_nothing_else_of_a_campaigns_hours() -> None:
    slots = [
        {"startTime": "9", "endTime": "17:00", "days": ["Monday"]},
        {"startTime": "09:00", "endTime": "12:00", "days": ["Monday"], "timezone": "Nowhere/Else"},
        {"startTime": "09:00", "endTime": "12:00", "days": ["Monday"], "timezone": "Europe/Berlin"},
        {"startTime": "13:00", "endTime": "12:00", "days": ["Mondey"]},
        {"startTime": "10:00", "endTime": "12:00", "days": ["Monday"]},
        {"startTime": "11:00", "endTime": "13:00", "days": ["Monday"]},
    ]
    fields = {"campaignId": "c", "startDate": "soon", "endDate": "2030-01-01", "timezone": "CST", "dailySlots": slots}
    found = wrong_with("campaign-schedule", fields)
    assert [one.place for one in found] == [
        "timezone",
        "startDate",
        "dailySlots[0].startTime",
        "dailySlots[1].timezone",
        "dailySlots[3].days",
        "dailySlots[3].endTime",
        "dailySlots[5]",
    ]
    assert "America/Chicago" in found[0].remedy
    assert all(one.remedy for one in found)
    backwards = {**fields, "startDate": "2030-02-01", "dailySlots": slots[4:5]}
    assert [one.place for one in wrong_with("campaign-schedule", backwards)] == ["timezone"]  # by whose clocks?


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters, max_size=8), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_whatever_is_wrong_every_problem_says_what_would_do(kind: str, data: st.DataObject) -> None:
    fields = next(examples(kind))
    for at in data.draw(st.lists(st.sampled_from(sorted(spots(fields), key=str)), min_size=1, max_size=4)):
        try:
            fields = put(fields, at, data.draw(JUNK))
        except (TypeError, KeyError, IndexError):
            continue  # beneath what was already turned into something else
    assert all(one.remedy.strip() and one.message.strip() for one in wrong_with(kind, fields))


class Share(BaseModel):
    part: int = Field(gt=3)
    whole: float = Field(ge=0.5)
    some: int


def test_a_bound_that_is_no_longer_in_it_is_passed() -> None:
    assert would_do(Share, ["part"]) == "a whole number above 3, such as 4"
    assert would_do(Share, ["whole"]) == "a number from 0.5, such as 0.5"
    assert would_do(Share, ["some"]) == "a whole number, such as 1"
