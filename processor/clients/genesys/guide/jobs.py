"""All jobs in the guide dialect, over one client."""

from __future__ import annotations

from processor.clients.api import Api, Time
from processor.clients.genesys.guide.campaigns import Campaigns
from processor.clients.genesys.guide.exports import Exports
from processor.clients.genesys.guide.presence import Presences
from processor.clients.genesys.guide.profiles import Profiles
from processor.clients.genesys.guide.queues import Queues
from processor.clients.genesys.guide.schedules import Schedules
from processor.clients.genesys.jobs import Jobs


def jobs(api: Api, clocks: Time) -> Jobs:
    """What can be asked of the organisation that `api` carries the credentials of."""
    return Jobs(
        presences=Presences(api, clocks),
        campaigns=Campaigns(api, clocks),
        queues=Queues(api, clocks),
        schedules=Schedules(api),
        profiles=Profiles(api),
        exports=Exports(api),
    )
