"""What people may ask of Genesys: the models of all kinds, what is wrong with a request, what a plan says. Pure.

`words.py` what every request has · `kinds.py` the list · one file for each kind's fields and checks ·
`plans.py` what passes between a kind's rules (`handlers/configure_*.py`) and the door (`handlers/door.py`).
"""
