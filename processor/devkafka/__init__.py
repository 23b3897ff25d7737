"""A real Apache Kafka on loopback, from pip alone: for development and for the tests, never for production.

`jars.py` fetches it, `plan.py` says how each node is set, `node.py` holds one process, `cluster.py`
holds them together. Nothing of the product imports this room; only the command `kafka` and the tests do.
"""
