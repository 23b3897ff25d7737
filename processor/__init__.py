"""THE ENGINE: knows records, not schedules.

What comes in
    receiver.py intake.py deadline.py   verify, append, then 202
    signatures.py publickeys.py   who is it?             spool*.py     kept here until Kafka takes it
    web/               ports, bodies, callers, deadlines, answers: HTTP beneath receiver and admin
What it becomes
    envelope.py event.py shapes.py   a fact and its coats   routing.py    which handler gets which event
    written.py instants.py   the same without pydantic, which every event passes
    eventlog/          the log's words; SQLite in one file, or Kafka
    table.py           what a topic says so far, per key verbatim.py    our own records, read without their class
How a group of consumers works
    consumer.py        when: join, poll, commit, stop    member.py     what both ways share
    tables.py          all that a member remembers       breathing.py  long work, with breaks
    serial.py flight.py   log to log, in order           effects.py lanes.py   side by side across keys
    retry.py           one record, until it is done      offsets.py outbox.py  what may be committed
    deadletters.py replays.py   records that rest, and their return
    ticker.py          periodic work                     progress.py pace.py   how it gets on, its bounds
    audit.py           outcomes, chained by hashes       tenure.py     may we still act outside?
The far sides, the operators, the whole
    clients/           Genesys, WFM, calendars: all through api.py
    admin/             health, metrics, operations API, console
    telemetry.py loglines.py   every metric; every line  timezones.py  wall time to UTC
    errors.py          what may go wrong, by remedy      settings/     every knob
    app/               the wiring: the only importer of handlers
    cli/ demo/ devkafka/        the commands; the demo; a real Kafka for development

Arrows point down: `app` wires, `handlers` decide, the engine carries. import-linter checks it.
"""
