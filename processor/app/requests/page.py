"""The page about requests: how they are made, how they end, and every kind's fields as the models have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from handlers.requests.kinds import KINDS
from handlers.requests.words import Request

HEAD = """# Requests

What people and other programs want changed in Genesys. A request is a YAML or JSON file (one request, or a list), the
body of `POST /requests/<kind>` on the admin port, or a record in `genesys.requests`; in a file and in a record `kind`
stands beside the fields. It is checked as a whole, so that everything wrong with it is told at once, carried out once
per id, and ends in one record in `genesys.outcomes` (and one line in the `AUDIT_FILE`).

| how | what happens | prints |
|---|---|---|
| `request FILE…` | handed in to the log; a running `serve` carries it out | `{"id", "kind", "subject"}`, one a line |
| `request FILE… --wait` | the same, and waits; Ctrl-C ends the waiting only | the outcomes too, as they come |
| `request FILE… --now` | carried out here, without log or server, one after the other | the outcomes |
| `request FILE… --dry-run` | reads and checks, writes nothing | the difference, facts and exact calls, as YAML |
| `request --undo ID` | the reverse of what a request did, by any of these; not when it was changed since | as above |
| `POST /requests/<kind>` | handed in; 422 names every problem; `Idempotency-Key` is the id | 202 `{"id"}` |
| `GET /requests/<id>` | | `pending`, then how it ended |

Exit codes: 0 done (or handed in) · 1 failed or unknown · 2 usage or settings · 3 not valid, or about what is not
there · 4 conflict · 5 refused: not permitted, or against a rule · 6 Genesys unreachable; of several requests the
highest.

| status | what it means | `--undo` |
|---|---|---|
| `done` | it is so now; `before` and `after` are equal when it was so already | yes |
| `failed` | a part stands, it is a dead letter, or (`--now`) Genesys did not answer: `error` says which | what stands |
| `refused` | not valid, or about what is not there (`facts.problems`); not permitted; against a rule (`error`) | no |
| `conflict` | somebody else changed it; `before` shows what is there | no |
| `started` | about to create what Genesys cannot create conditionally: after a crash it is looked for first | no |
| `unknown` | it was tried, and nobody can say whether it is there: a person decides | no |

A record of another program needs no headers: without `ce_id` its id is `request@<partition>-<offset>`; in the wrong
partition or under another key than its subject it is put into the right one under the same id. `queue-freeze` and
`queue-resume` are words to the loop, whose decision answers them. Ids are remembered for 26 hours: a repeat within
them has no second effect and no second outcome; the same id with other fields is refused (over HTTP with 409, a record
about the same thing as a dead letter). A process may die at any moment: the next one finishes what was begun, and since
what stands there goes into the log before the first call (`genesys.begun`), the outcome's `before` is what stood before
the first try, and `--undo` gives that back. Where the next one may not go on (a shift is over, a right is gone) the
outcome is `failed`, and its `after` is what was found there then. With `--now` nothing is finished by anybody else:
what a killed one had begun, the next `--now` or `--undo` with the same `AUDIT_FILE` tells, there as `done` or `failed`.
Requests share a budget (`PROCESSOR_GENESYS_REQUESTS_PER_MINUTE`) with look-ups; a fifth of it is kept for the loop.
For programs that write records, [asyncapi.json](asyncapi.json) has the schema of each kind (messages `request.<kind>`).

The kinds below are generated from the models: `genesys-processor request --documentation`.
"""
COMMON = tuple(Request.model_fields)


def page() -> str:
    """The whole page."""
    lines = [HEAD, "## Fields of every kind", "", *_table(Request.model_json_schema(by_alias=True), COMMON)]
    for kind, model in sorted(KINDS.items()):
        schema = model.model_json_schema(by_alias=True)
        lines += ["", f"## `{kind}`", "", _text(schema.get("description", "")), ""]
        lines += _table(schema, without=COMMON)
        for name, part in schema.get("$defs", {}).items():
            if "properties" in part:
                lines += ["", f"`{name}`: {_text(part.get('description', ''))}", "", *_table(part)]
    return "\n".join([*lines, ""])


def _table(schema: dict[str, Any], only: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> Iterator[str]:
    yield "| field | what it holds | what it is for |"
    yield "|---|---|---|"
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        if name not in without and (not only or name in only):
            needed = " (needed)" if name in required else ""
            yield f"| `{name}` | {_type(field)}{needed} | {_text(field.get('description', ''))} |"


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if choices := field.get("anyOf"):
        return " or ".join(dict.fromkeys(_type(one) for one in choices if one.get("type") != "null"))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    kind = str(field.get("type", "any value"))
    return {"object": "names and values", "string": "text"}.get(kind, kind)


def _text(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
