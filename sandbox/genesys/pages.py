"""Lists by pages, as Genesys cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.genesys.guard import Call, Refusal

Json = dict[str, Any]


def page(call: Call, entities: Sequence[Json], most: int, *, counted: bool = True) -> Json:
    """One page of them. Not `counted`: without totals, so that only nextUri tells that there is more."""
    size, number = min(_number(call, "pageSize", 25), most), _number(call, "pageNumber", 1)
    last = max(1, -(-len(entities) // size))

    def uri(which: int) -> str:
        return f"{call.path}?pageSize={size}&pageNumber={which}"

    body: Json = {
        "entities": list(entities[(number - 1) * size : number * size]),
        "pageSize": size,
        "pageNumber": number,
        "firstUri": uri(1),
        "selfUri": uri(number),
    }
    if number < last:
        body["nextUri"] = uri(number + 1)
    if number > 1:
        body["previousUri"] = uri(number - 1)
    return {**body, "total": len(entities), "pageCount": last, "lastUri": uri(last)} if counted else body


def _number(call: Call, name: str, default: int) -> int:
    text = call.first(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise Refusal(400, "invalid.value", f"Value [{text}] is not valid for parameter [{name}]")
    return int(text)
