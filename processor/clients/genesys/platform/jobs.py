"""All jobs in the official dialect, over one client."""

from __future__ import annotations

from processor.clients.api import Api, Time
from processor.clients.genesys.jobs import Jobs
from processor.clients.genesys.platform.campaigns import Campaigns
from processor.clients.genesys.platform.presence import Presences
from processor.clients.genesys.platform.profiles import Profiles
from processor.clients.genesys.platform.queue_routing import Queues
from processor.clients.genesys.platform.schedules import Schedules


def jobs(api: Api, clocks: Time) -> Jobs:
    """What can be asked of the organisation that `api` carries the credentials of."""
    return Jobs(
        presences=Presences(api, clocks),
        campaigns=Campaigns(api, clocks),
        queues=Queues(api, clocks),
        schedules=Schedules(api),
        profiles=Profiles(api),
        exports=None,
    )
