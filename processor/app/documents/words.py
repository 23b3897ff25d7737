"""What the AsyncAPI document says in words: topics, keys and headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DESCRIPTIONS: Mapping[str, str] = {
    "genesys.raw": "Every event that was acknowledged with 202, its exact bytes. One record per event.",
    "genesys.lookups": "Internal: what to ask Genesys, why, and since when an answer suffices.",
    "genesys.replays": "Internal: a dead letter to be done again by one group.",
    "genesys.fates": "Why a raw record led to no clean record: duplicate, stale, coalesced, ignored or looked-up.",
    "genesys.schedules": "Opening hours in effect of a schedule group: open less closed less holidays, in UTC.",
    "genesys.shifts": "All shifts of an agent in a window of time: a state, not a delta.",
    "genesys.presence": "One state of an agent from all sources.",
    "genesys.queues": "The settings of a queue, and what changed.",
    "genesys.volume": "What came to a queue on one medium in one interval, and how much of it was answered in time.",
    "genesys.campaigns": "When an outbound campaign may dial.",
    "genesys.profiles": "Exported routing profile events.",
    "genesys.cursors": "Internal: how far an export of Genesys's events has been read.",
    "genesys.pools": "Internal: what of the loop is in Genesys: whom it has joined, which baselines are not back yet.",
    "genesys.requests": "Changes that people or programs want.",
    "genesys.begun": "Internal: what stood before the request about a subject that is being carried out.",
    "genesys.decisions": "What the feedback loop decided about a queue; the last record is its whole state.",
    "genesys.outcomes": "The audit trail: what became of each effect outside, chained by hashes.",
    "genesys.deadletters": "Records that could not be handled, as they were, with the reason in the headers.",
}

KEYS: Mapping[str, str] = {
    "genesys.raw": "The subject where it is known, else the event's id.",
    "genesys.lookups": "The subject to look at.",
    "genesys.replays": "The subject.",
    "genesys.fates": "As the raw record.",
    "genesys.schedules": "schedule-group/<id>",
    "genesys.shifts": "agent/<user id>",
    "genesys.presence": "agent/<user id>",
    "genesys.queues": "queue/<id>",
    "genesys.volume": "queue/<id>",
    "genesys.campaigns": "campaign/<id>",
    "genesys.profiles": "profile/<id>",
    "genesys.cursors": "export/<name or id>",
    "genesys.pools": "queue/<id>",
    "genesys.requests": "The subject of what it changes.",
    "genesys.begun": "The subject of what is being changed.",
    "genesys.decisions": "queue/<id>",
    "genesys.outcomes": "The subject of what was changed.",
    "genesys.deadletters": "As the original.",
}

WRITERS_OUTSIDE = frozenset({"genesys.requests"})
"""Topics that other programs may write."""

TYPES_IN_RAW = (
    "The event as it was delivered, byte for byte. ce_type is the topic's template (v2.users.{id}.presence), the "
    "guide's event name (schedule:updated), answer.<what> for what look-ups brought, else unknown."
)

COMMON: Mapping[str, str] = {
    "ce_specversion": "1.0",
    "ce_id": "The idempotency key: a topic holds each id once.",
    "ce_source": "genesys/<organisation id or unknown>",
    "ce_type": "What kind of fact this is.",
    "ce_subject": "What it is about; equal to the key.",
    "ce_time": "When it happened: RFC 3339, UTC, Z, milliseconds.",
    "ce_datadigest": "SHA-256 of the value, in hex.",
    "ce_timesource": "Only when the event itself did not say when: received or envelope.",
    "ce_receivedat": "When the delivery behind it reached the receiver.",
    "ce_causationid": "The id of the record in genesys.raw that this came from; absent where it is the first.",
    "traceparent": "W3C trace context, when the caller sent one.",
    "content-type": "application/json",
}

RAW_HEADERS: Mapping[str, str] = {
    **COMMON,
    "ce_subjectsource": "Only when nobody knows what it is about: id, which then stands for the subject.",
}

CLEAN_HEADERS: Mapping[str, str] = {
    **COMMON,
    "ce_causedigest": "Start of that record's digest.",
    "ce_fences": "Internal: by facet, what decides whether a later delivery is newer.",
}

DEAD_LETTER_HEADERS: Mapping[str, str] = {
    **RAW_HEADERS,
    **CLEAN_HEADERS,
    "dlq_id": "<group>.<topic>.<partition>.<offset>",
    "dlq_group": "The group that could not handle it.",
    "dlq_topic": "Where it lay.",
    "dlq_partition": "Where it lay.",
    "dlq_offset": "Where it lay.",
    "dlq_reason": "poison, exhausted or bug.",
    "dlq_field": "The field that is wrong, if one is.",
    "dlq_error": "What is wrong, in words; no secret is in it.",
    "dlq_attempts": "How often it was tried.",
    "dlq_time": "When it was parked.",
    "dlq_replayed": "How often it was replayed before.",
}

REPLAY_HEADERS = DEAD_LETTER_HEADERS

CHAIN: Mapping[str, Mapping[str, Any]] = {
    "chain": {"type": "string", "description": "<group>/<partition>: one chain each."},
    "sequence": {"type": "integer", "description": "From 0, without a gap."},
    "previousHash": {"type": "string", "description": "The hash of the link before; zeros for the first."},
    "hash": {"type": "string", "description": "SHA-256 over the link; `audit verify` checks it."},
}
"""What the audit adds to each outcome on append."""
