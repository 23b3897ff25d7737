"""Tables keep their promises on Kafka too: the same tests, with another log."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from processor.eventlog import EventLog, Topic
from tests.kafkabroker import Broker
from tests.kafkalog import Names, create_topics, opened
from tests.unit import test_table
from tests.unit.test_table import (
    test_a_partition_that_left_is_not_answered_for,
    test_a_reload_forgets_outputs_that_never_reached_the_log,
    test_a_tombstone_and_a_fold_to_nothing_forget_the_key,
    test_catch_up_folds_only_what_is_new_and_says_so,
    test_load_again_starts_afresh,
    test_load_folds_what_the_partition_holds,
    test_own_outputs_count_before_they_are_in_the_log,
    test_records_of_other_types_are_passed_over,
    test_several_types_of_one_topic_fold_together,
)

__all__ = [
    "test_a_partition_that_left_is_not_answered_for",
    "test_a_reload_forgets_outputs_that_never_reached_the_log",
    "test_a_tombstone_and_a_fold_to_nothing_forget_the_key",
    "test_catch_up_folds_only_what_is_new_and_says_so",
    "test_load_again_starts_afresh",
    "test_load_folds_what_the_partition_holds",
    "test_own_outputs_count_before_they_are_in_the_log",
    "test_records_of_other_types_are_passed_over",
    "test_several_types_of_one_topic_fold_together",
]


@pytest.fixture
async def log(kafka: Broker) -> AsyncIterator[EventLog]:
    names = Names()
    topics = [Topic(names.outside("counts"), compact=True)]
    await create_topics(kafka.bootstrap, topics, test_table.PARTITIONS)
    async with opened(kafka.bootstrap, topics, test_table.PARTITIONS, names) as log:
        yield log
