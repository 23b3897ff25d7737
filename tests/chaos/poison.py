"""What some other program may write into our topics, and no part of the product can read."""

from __future__ import annotations

from confluent_kafka import Producer

from tests.chaos.history import Post

RAW = "genesys.raw"
BODIES = (b"not json", b"\xff\xfe\x00 no text", b"", b"[]", b'{"detail": 7}', b'{"id": ' + b"9" * 5000 + b"}")


def write_poison(bootstrap: str, mark: str) -> list[Post]:
    """Durable when it returns; as what was sent and acknowledged: it must end once, as everything else."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "partitioner": "murmur2_random"})
    failed: list[str] = []
    posts = []
    for number, body in enumerate(BODIES):
        name = f"poison-{mark}-{number}"
        headers = [("ce_id", name.encode()), ("ce_type", b"unknown\xff"), ("ce_time", b"yesterday")]
        producer.produce(RAW, body, f"poison/{mark}", headers=headers, on_delivery=lambda e, _: e and failed.append(e))
        text = body.decode(errors="replace")
        posts.append(Post(name, f"poison/{mark}", "junk", "", "", text, acknowledged=True))
    assert producer.flush(30) == 0
    assert not failed, failed
    return posts
