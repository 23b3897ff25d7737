"""What `register --print` shows: whole files that can be loaded, without secrets."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from handlers.events import Outcome
from processor.app.registration.registering import TOPICS, TRIGGER_TOPICS, described, receiver_url, register
from processor.app.registration.registrations import Registrations
from processor.eventlog import Message
from processor.settings import Settings, SettingsError, load
from tests.unit.memorylog import MemoryLog

SECRETS = {"webhook_basic": ["genesys:geheim-1"], "webhook_api_key": ["X-Api-Key: geheim-2"]}


def settings(**changes: Any) -> Settings:
    return load({}, **{"public_url": "https://events.example.org", **SECRETS, **changes})


def references(value: Any) -> set[str]:
    """The logical names that a template refers to."""
    if isinstance(value, dict):
        own = {str(value["Ref"])} if "Ref" in value else set()
        own |= {str(value["Fn::GetAtt"][0])} if "Fn::GetAtt" in value else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("url", ["https://e.example", "https://e.example/", "https://e.example/webhooks/genesys"])
def test_the_address_is_the_receivers_path_beneath_the_public_one(url: str) -> None:
    assert receiver_url(settings(public_url=url)) == "https://e.example/webhooks/genesys"


@pytest.mark.parametrize("url", [None, "events.example.org"])
def test_without_an_address_nothing_can_be_registered(url: str | None) -> None:
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        receiver_url(settings(public_url=url))


def test_the_template_is_whole() -> None:
    text = described(settings(), "cloudformation", None)
    template = yaml.safe_load(text)
    assert "&id0" not in text, "CloudFormation reads no anchors"
    assert references(template) <= {*template["Resources"], *template["Parameters"]}
    made = template["Resources"]
    kinds = {one["Type"].removeprefix("AWS::") for one in made.values()}
    assert {"Events::EventBus", "Events::Connection", "Events::ApiDestination", "Events::Rule"} <= kinds
    assert made["Destination"]["Properties"]["InvocationEndpoint"] == "https://events.example.org/webhooks/genesys"
    assert made["Rule"]["Properties"]["EventPattern"]["detail-type"] == list(TOPICS)
    (target,) = made["Rule"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"], "what cannot be delivered is kept"
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 24 * 3600, "MaximumRetryAttempts": 185}
    assert template["Parameters"]["ReceiverSecret"]["NoEcho"] is True
    assert made["Connection"]["Properties"]["AuthParameters"]["ApiKeyAuthParameters"]["ApiKeyName"] == "X-Api-Key"


def test_the_terraform_file_is_whole() -> None:
    text = described(settings(webhook_api_key=[]), "terraform", None)
    file = json.loads(text)
    made = {f"{kind}.{name}" for kind, those in file["resource"].items() for name in those}
    for found in re.findall(r"\$\{([a-z_.]+)\}", text):
        kind, name = found.split(".")[:2]
        assert name in file["variable"] if kind == "var" else f"{kind}.{name}" in made, found
    integration = file["resource"]["genesyscloud_integration"]["events"]
    assert json.loads(integration["config"]["properties"])["eventFilter"] == list(TOPICS)
    connection = file["resource"]["aws_cloudwatch_event_connection"]["receiver"]
    assert connection["auth_parameters"]["basic"] == {"username": "genesys", "password": "${var.receiver_secret}"}
    assert file["variable"]["receiver_secret"]["sensitive"] is True
    target = file["resource"]["aws_cloudwatch_event_target"]["receiver"]
    assert target["retry_policy"] == {"maximum_event_age_in_seconds": 24 * 3600, "maximum_retry_attempts": 185}


def test_triggers_and_their_data_action_are_shown() -> None:
    shown = json.loads(described(settings(), "trigger", "w-1"))
    assert [one["topicName"] for one in shown["triggers"]] == list(TRIGGER_TOPICS)
    assert {one["target"]["id"] for one in shown["triggers"]} == {"w-1"}
    request = shown["dataAction"]["config"]["request"]
    assert request["requestUrlTemplate"] == "https://events.example.org/webhooks/genesys"
    filled = request["requestTemplate"].replace("${input.topicName}", "v2.x").replace("${input.eventBody}", '{"a":1}')
    assert json.loads(filled) == {"topicName": "v2.x", "eventBody": {"a": 1}, "source": "genesys-process-automation"}
    assert set(TRIGGER_TOPICS) <= set(TOPICS)


def test_the_guides_webhooks_are_shown() -> None:
    guide = settings(genesys_dialect="guide", loop_queues=["q-1", "media:email"])
    schedules, queues = json.loads(described(guide, "webhooks", None))
    assert (schedules["authentication"]["scheme"], schedules["authentication"]["username"]) == ("Basic", "genesys")
    assert queues["eventFilters"] == [{"type": "routingQueueUpdated", "entityFilters": [{"id": "q-1"}]}]
    assert queues["headers"]["X-Genesys-Event"] == "routing-sync"


@pytest.mark.parametrize("dialect", ["platform", "guide"])
def test_no_secret_is_shown(dialect: str) -> None:
    text = described(settings(genesys_dialect=dialect), "all", None)
    assert "geheim" not in text
    assert "events.example.org" in text


@pytest.mark.parametrize(
    ("changes", "form", "said"),
    [
        ({"public_url": "http://events.example.org"}, "terraform", "https"),
        ({"webhook_basic": [], "webhook_api_key": []}, "cloudformation", "WEBHOOK_API_KEY"),
        ({"genesys_dialect": "guide"}, "terraform", "dialect"),
        ({}, "webhooks", "dialect"),
        ({"genesys_dialect": "guide", "webhook_api_key": []}, "webhooks", "WEBHOOK_API_KEY"),
        ({"genesys_dialect": "guide", "webhook_basic": []}, "webhooks", "WEBHOOK_BASIC"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], form: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        described(settings(**changes), form, None)


async def test_what_was_erased_of_a_webhook_leaves_the_last_word_about_it() -> None:
    log = MemoryLog()
    memory = Registrations(log, lambda: datetime(2026, 3, 9, tzinfo=UTC))
    await memory.begun("ours")
    assert (await memory.known("ours"), await memory.known("another")) == ("", None)
    await memory.made("ours", "w-1")
    await log.append([Message(Outcome.topic, "webhook/ours", None, {})])
    assert await memory.known("ours") == "w-1"


async def test_the_official_api_has_no_webhooks_and_the_ways_that_there_are_are_named() -> None:
    with pytest.raises(SettingsError, match="--workflow"):
        await register(settings(), None)
    with pytest.raises(SettingsError, match="webhooks"):
        await register(settings(genesys_dialect="guide"), "w-1")
    with pytest.raises(SettingsError, match="GENESYS_CLIENT_ID"):
        await register(settings(), "w-1")
