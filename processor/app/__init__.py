"""The wiring: settings in, running workers out; the only importer of handlers.

Nothing is imported here: a command that only reads the log need not load the whole product (`serving.py`).
"""
