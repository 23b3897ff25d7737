"""`openapi`: the receiver's and the admin port's HTTP interface, as an OpenAPI 3.1 document."""

from __future__ import annotations

import argparse
from typing import Any

import orjson

from processor.admin.description import openapi
from processor.app.documents.asyncapi import product_version
from processor.app.requests.kinds import request_kinds


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "openapi", help="the HTTP interface, as an OpenAPI 3.1 document", description=__doc__
    )
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> int:
    print(orjson.dumps(openapi(product_version(), request_kinds()), option=orjson.OPT_INDENT_2).decode())
    return 0
