"""Which settings of a topic break a promise, which are only worth a warning, and which are right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from processor.eventlog import Topic
from processor.eventlog.kafka_promises import READ, Found, Wanted, judge, judge_internal, settings_for

KEPT = Topic("kept", retention=timedelta(days=7))
STATES = Topic("states", compact=True)
WANTED = Wanted(12, 3, 2_162_688)


def found(topic: Topic, **changes: str) -> Found:
    settings = settings_for(topic, WANTED) | {name.replace("_", "."): value for name, value in changes.items()}
    return Found(12, 3, settings)


@pytest.mark.parametrize("topic", [KEPT, STATES, Topic("for ever")])
def test_what_we_make_is_right(topic: Topic) -> None:
    assert judge(topic, found(topic), WANTED) == []


@pytest.mark.parametrize("topic", [KEPT, STATES])
def test_every_setting_that_is_judged_is_asked_for(topic: Topic) -> None:
    class Watched(dict[str, str]):
        def get(self, key: str, default: object = None) -> str | None:
            assert key in READ
            return super().get(key)

    settings = found(topic).settings
    assert settings is not None
    judge(topic, Found(12, 3, Watched(settings)), WANTED)


@pytest.mark.parametrize(
    ("topic", "setting", "value", "breaks"),
    [
        (KEPT, "unclean.leader.election.enable", "true", True),
        (KEPT, "min.insync.replicas", "1", True),
        (KEPT, "min.insync.replicas", "4", True),
        (KEPT, "min.insync.replicas", "3", False),
        (KEPT, "max.message.bytes", "1048588", True),
        (KEPT, "message.timestamp.type", "CreateTime", False),
        (KEPT, "cleanup.policy", "compact", True),
        (KEPT, "cleanup.policy", "compact,delete", True),
        (KEPT, "retention.ms", "86400000", True),
        (KEPT, "retention.ms", "-1", False),
        (KEPT, "retention.ms", "604800001", False),
        (KEPT, "retention.bytes", "1000000", True),
        (KEPT, "segment.ms", "604800000", False),
        (STATES, "unclean.leader.election.enable", "true", True),
        (STATES, "cleanup.policy", "delete", True),
        (STATES, "cleanup.policy", "delete,compact", True),
        (STATES, "min.compaction.lag.ms", "86400000", True),
        (STATES, "delete.retention.ms", "1000", True),
        (STATES, "max.compaction.lag.ms", "9223372036854775807", False),
    ],
)
def test_a_setting_that_is_not_as_promised(topic: Topic, setting: str, value: str, breaks: bool) -> None:
    (finding,) = judge(topic, found(topic, **{setting.replace(".", "_"): value}), WANTED)
    assert (finding.setting, finding.found, finding.breaks) == (setting, value, breaks)
    assert setting in finding.remedy
    assert topic.name in str(finding)


@pytest.mark.parametrize(
    ("topic", "setting", "value"),
    [
        (STATES, "min.compaction.lag.ms", "90000001"),
        (STATES, "delete.retention.ms", "86400000"),
        (STATES, "max.compaction.lag.ms", "90000000"),
        (STATES, "retention.ms", "1000"),
        (KEPT, "max.message.bytes", "9999999"),
        (KEPT, "min.compaction.lag.ms", "0"),
    ],
)
def test_what_is_better_or_without_meaning_is_right(topic: Topic, setting: str, value: str) -> None:
    assert judge(topic, found(topic, **{setting.replace(".", "_"): value}), WANTED) == []


def test_fewer_replicas_than_expected_and_another_number_of_partitions() -> None:
    settings = {**settings_for(KEPT, WANTED), "min.insync.replicas": "1"}
    findings = judge(KEPT, Found(6, 1, settings), WANTED)
    assert {finding.setting for finding in findings} == {"the number of partitions", "replication"}
    assert all(finding.breaks for finding in findings)
    assert judge(KEPT, Found(12, 1, settings), Wanted(12, 1, WANTED.max_bytes)) == []


@pytest.mark.parametrize(
    ("replication", "settings", "wrong"),
    [
        (3, {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}, []),
        (3, {"min.insync.replicas": "1", "unclean.leader.election.enable": "false"}, ["min.insync.replicas"]),
        (3, {"min.insync.replicas": "2", "unclean.leader.election.enable": "true"}, ["unclean.leader.election.enable"]),
        (
            1,
            {"min.insync.replicas": "1", "max.message.bytes": "1", "message.timestamp.type": "CreateTime"},
            ["replication"],
        ),
        (3, None, []),
    ],
)
def test_what_kafka_keeps_for_itself_is_worth_a_warning(
    replication: int, settings: dict[str, str] | None, wrong: list[str]
) -> None:
    findings = judge_internal("__transaction_state", Found(50, replication, settings), WANTED)
    assert [finding.setting for finding in findings] == wrong
    assert not any(finding.breaks for finding in findings)


def test_settings_that_we_may_not_see_are_a_warning() -> None:
    (finding,) = judge(KEPT, Found(12, 3, None), WANTED)
    assert not finding.breaks


@pytest.mark.parametrize("topic", [KEPT, STATES])
def test_the_page_for_those_who_make_topics_says_the_same(topic: Topic) -> None:
    page = (Path(__file__).parents[2] / "docs" / "kafka.md").read_text(encoding="utf-8")
    told = settings_for(topic, WANTED)
    for setting in told.keys() - {"retention.ms", "segment.ms", "max.message.bytes", "min.insync.replicas"}:
        assert f"| `{setting}` | `{told[setting]}`" in page
