"""Event exports as the third guide has them: made once, then asked for what came after the last record."""

from __future__ import annotations

from collections.abc import Sequence

from processor.clients.api import Api, NotAllowed, NotFound
from processor.clients.genesys.jobs.exports import Exported, ExportOrder
from processor.clients.genesys.pages import to_the_end
from processor.errors import RetryableError

EXPORTS = "/api/v2/eventstreams/exports"


class Exports:
    """The job `Exports` in the guide dialect."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def find(self, name: str, /) -> str | None:
        """By the list of all: the guide shows none, so its absence is no fault. All pages."""
        try:
            listed, _ = await to_the_end(self._api, EXPORTS)
        except (NotFound, NotAllowed):
            return None
        return next((str(one["id"]) for one in listed if one.get("name") == name and one.get("id")), None)

    async def create(self, order: ExportOrder, /) -> str:
        """Never repeated by itself: a second export would bring everything twice."""
        body = {
            "name": order.name,
            "type": order.kind,
            "format": "JSON",
            "destination": {
                "type": "S3",
                "configuration": {"endpoint": order.endpoint, "bucket": order.bucket, "prefix": order.prefix},
            },
        }
        return str((await self._api.request("POST", EXPORTS, json=body)).json()["id"])

    async def after(self, export_id: str, last: str | None, limit: int, /) -> Sequence[Exported] | None:
        """See `Exports.after`."""
        body = {"exportId": export_id, "limit": limit, "afterId": last}
        try:
            reply = await self._api.request("POST", f"{EXPORTS}/query", json=body, repeatable=True)
        except NotFound:
            return None
        noted = [Exported(str(one.get("id") or ""), one) for one in reply.json().get("entities") or []]
        if any(not one.id for one in noted):
            raise RetryableError(f"genesys: the export {export_id} holds an event without an id: reading cannot go on")
        return noted
