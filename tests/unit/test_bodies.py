"""A packed body never makes more than the limit, whatever it claims."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.web.bodies import Damaged, TooLarge, UnknownEncoding, decompress, encodings


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_bomb_costs_no_more_than_the_limit(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        decompress(bomb, encoding, 100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@given(st.binary(max_size=3000), st.sampled_from(["gzip", "deflate"]))
def test_any_body_comes_back_and_any_junk_is_refused(body: bytes, encoding: str) -> None:
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    assert decompress(packed, encoding, len(body)) == body
    with suppress(Damaged, TooLarge):
        decompress(body, encoding, 10_000)


def test_a_bare_stream_is_read_even_where_its_first_byte_might_begin_a_zlib_head() -> None:
    """A stored block, whose bits up to the next byte may be any."""
    begun = b"\x08" + (3).to_bytes(2, "little") + (3 ^ 0xFFFF).to_bytes(2, "little") + b"abc"
    assert decompress(begun + b"\x03\x00", "deflate", 10) == b"abc"


def test_a_bare_stream_is_read_even_where_its_first_bytes_pass_the_check_of_a_zlib_head() -> None:
    bare = next(packed for n in range(10_000) if int.from_bytes((packed := squeezed(str(n)))[:2]) % 31 == 0)
    assert bare[0] & 0x0F != 8
    assert decompress(bare, "deflate", 10).isdigit()


def squeezed(text: str) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text.encode()) + packer.flush()


def test_exactly_the_limit_passes_and_one_more_does_not() -> None:
    packed = gzip.compress(b"x" * 1000)
    assert len(decompress(packed, "gzip", 1000)) == 1000
    with pytest.raises(TooLarge):
        decompress(packed, "gzip", 999)


def test_encodings_are_undone_from_the_last() -> None:
    assert encodings("deflate, gzip") == ("gzip", "deflate")
    assert encodings(None) == encodings("identity") == encodings(",") == ()
    for unknown in ("br", "gzip,zstd", "gzip;q=1", "gzip,gzip,gzip"):
        with pytest.raises(UnknownEncoding):
            encodings(unknown)
