"""A topic with a segment too many is another topic: it counts for nobody, however it comes."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.normalise.forms import recognise
from handlers.normalise.topics import AUDITED, TEMPLATES, read_topic
from processor.errors import PoisonError
from tests.unit.normalisedesk import AGENT, Desk

PRESENCE = {"presenceDefinition": {"id": "p-1", "systemPresence": "BUSY"}, "modifiedDate": "2026-03-09T13:00:00Z"}


def concrete(template: str, one: str) -> str:
    """The template with this id; of audits the second is an id."""
    return (
        template.replace("{id}", "Queue", 1).replace("{id}", one)
        if "audits" in template
        else template.replace("{id}", one)
    )


def event_bridge(template: str, topic: str, body: Any = PRESENCE) -> dict[str, Any]:
    detail = {"topicName": topic, "version": "2", "eventBody": body}
    source = "aws.partner/genesys.com/cloud/org-7/integration"
    return {"id": "e-1", "detail-type": template, "source": source, "detail": detail}


@pytest.mark.parametrize("template", TEMPLATES)
def test_of_every_template_a_topic_with_an_id_is_known_and_one_with_a_dot_in_it_is_not(template):
    assert read_topic(concrete(template, "a"))[0] == template
    assert recognise(event_bridge(template, concrete(template, "a"))).type == template
    dotted = concrete(template, "a.b")
    for form in (
        recognise(event_bridge(template, dotted)),
        recognise({"topicName": dotted, "eventBody": PRESENCE}),
        recognise({"specversion": "1.0", "type": dotted, "id": "e", "source": "s", "data": PRESENCE}),
    ):
        assert form.type == dotted
        assert form.type not in TEMPLATES


@pytest.mark.parametrize("kind", AUDITED)
def test_an_audited_entity_of_ours_has_no_dot_in_its_id(kind):
    topic = f"v2.audits.entitytype.{kind}.entityid."
    assert read_topic(f"{topic}a") == ("v2.audits.entitytype.{id}.entityid.{id}", f"{AUDITED[kind]}/a")
    assert read_topic(f"{topic}a.b") == (f"{topic}a.b", f"{AUDITED[kind]}/a"), "a dead letter that lies beside it"


def test_a_template_that_we_do_not_know_is_one_type_whatever_the_id():
    assert recognise(event_bridge("v2.future.{id}.thing", "v2.future.abc.thing")).type == "v2.future.{id}.thing"


def test_what_we_do_not_publish_may_be_audited_under_any_id():
    topic = "v2.audits.entitytype.EmailRoute.entityid.help@example.com"
    audits = "v2.audits.entitytype.{id}.entityid.{id}"
    assert recognise(event_bridge(audits, topic))[:2] == (audits, "")


async def test_it_changes_no_agent_and_rests_as_a_dead_letter_like_all_that_is_unknown():
    desk, template = await Desk.open(), "v2.users.{id}.presence"
    for body in (
        event_bridge(template, f"v2.users.{AGENT}.b.presence"),
        {"topicName": f"v2.users.{AGENT}.b.presence", "eventBody": PRESENCE},
    ):
        with pytest.raises(PoisonError):
            await desk.post(body)
    assert "genesys.presence" not in desk.log.records
    (published, *_) = await desk.post(event_bridge(template, f"v2.users.{AGENT}.presence"))
    assert (published.topic, published.subject) == ("genesys.presence", f"agent/{AGENT}")
