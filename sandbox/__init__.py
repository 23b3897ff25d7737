"""A contact centre to try things on: stateful stand-ins over real HTTP, and a seeded floor.

    names roster demand      who there is, who works when, how many contacts come
    floor measure            pure: what happens on the floor, and what it counts up to
    entities world           the organisation's settings as vendor JSON, with versions and authors
    genesys/                 the official API over both: guard (limits, refusals), then a file for each area
    guide/                   the five guides' API over the same: a room for each guide, webhooks and their calls
    events life post ledger  what is told, when, to whom, and the sandbox's own account of it
    wfm signing              the WFM system that verifies and keeps books
    clock options parts      its clock, how it is started, all of it wired and listening
    control run              what tests may do to it; `running(Options)` for tests, `run(Options, stop)` for the command

It shares no code with the product that it tests.
"""
