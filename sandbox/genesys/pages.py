"""Lists by pages, as Genesys cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from sandbox.genesys.guard import Call, Refusal

Json = dict[str, Any]


def page(call: Call, entities: Sequence[Json], most: int, *, counted: bool = True) -> Json:
    """One page of them. Not `counted`: without totals, so that only nextUri tells that there is more.

    The addresses of the other pages ask for the same: whoever follows them gets the same choice.
    """
    size, number = min(_number(call, "pageSize", 25), most), _number(call, "pageNumber", 1)
    last = max(1, -(-len(entities) // size))
    asked = {name: values for name, values in call.query.items() if name not in ("pageSize", "pageNumber")}

    def uri(which: int) -> str:
        words = urlencode({"pageSize": size, "pageNumber": which, **asked}, doseq=True)
        return f"{call.path}?{words}"

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
