"""How analytics are asked for contacts from outside to some queues: one predicate in two kinds of query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

INBOUND: Mapping[str, str] = {
    "type": "dimension",
    "dimension": "originatingDirection",
    "operator": "matches",
    "value": "inbound",
}


def any_of(queue_ids: Iterable[str]) -> dict[str, object]:
    """Those of any of these queues."""
    predicates = [
        {"type": "dimension", "dimension": "queueId", "operator": "matches", "value": queue_id}
        for queue_id in queue_ids
    ]
    return {"type": "or", "predicates": predicates}
