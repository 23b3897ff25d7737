"""What people may ask of Genesys: the models of all kinds, what is wrong with a request, what it is judged by. Pure.

`words.py` what every request has · `kinds.py` the list · `schedule.py`, `campaign.py`, `profile.py`,
`queue.py`, `presence.py`, `brake.py` the fields and checks of each kind · `plans.py`, `stories.py`, `ends.py`
what passes between a kind's rules (`handlers/configure_*.py`, `handlers/set_presence.py`) and the door
(`handlers/door.py`) · the rest is what those rules reckon with: weeks, shifts, hours, skills.
"""
