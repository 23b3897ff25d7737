"""The regions of Genesys Cloud, by the domain that every host of a region ends in."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator

REGIONS: Mapping[str, str] = {
    "mypurecloud.com": "us-east-1",
    "use2.us-gov-pure.cloud": "us-east-2",
    "usw2.pure.cloud": "us-west-2",
    "cac1.pure.cloud": "ca-central-1",
    "sae1.pure.cloud": "sa-east-1",
    "mxc1.pure.cloud": "mx-central-1",
    "mypurecloud.ie": "eu-west-1",
    "euw2.pure.cloud": "eu-west-2",
    "mypurecloud.de": "eu-central-1",
    "euc2.pure.cloud": "eu-central-2",
    "edee1.eusc-pure.cloud": "eusc-de-east-1",
    "mec1.pure.cloud": "me-central-1",
    "aps1.pure.cloud": "ap-south-1",
    "mypurecloud.jp": "ap-northeast-1",
    "apne2.pure.cloud": "ap-northeast-2",
    "apne3.pure.cloud": "ap-northeast-3",
    "apse1.pure.cloud": "ap-southeast-1",
    "mypurecloud.com.au": "ap-southeast-2",
}
"""Domain → the AWS region that it lies in. Source: the hosts in Genesys's own SDKs, 2026."""
HOSTS = ("api.", "login.", "apps.", "streaming.")


def _known(name: str) -> str:
    """Raises ValueError for what is no region, with the one that is meant perhaps."""
    if name in REGIONS:
        return name
    wanted = name.strip().lower().removeprefix("https://").rstrip("/")
    for host in HOSTS:
        wanted = wanted.removeprefix(host)
    meant = [domain for domain, aws in REGIONS.items() if wanted in (domain, aws)]
    meant = meant or get_close_matches(wanted, REGIONS, n=2, cutoff=0.6)
    advice = f"perhaps {' or '.join(meant)}" if meant else f"one of {', '.join(REGIONS)}"
    raise ValueError(
        f"{name[:60]!r} is no region of Genesys Cloud: {advice}; "
        "for a stand-in set GENESYS_API_URL and GENESYS_LOGIN_URL"
    )


Region = Annotated[str, AfterValidator(_known)]
"""One of `REGIONS`."""
