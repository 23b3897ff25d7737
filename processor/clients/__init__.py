"""The far sides: one package or file for each, all through `api.py`."""
