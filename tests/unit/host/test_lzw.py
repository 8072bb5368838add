"""The .Z decoder against a compressor written here and against files of the Unix program."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lzw_compressor import compress

from deep3.host.data import DataError
from deep3.host.data.lzw import decompress

TEXT = b"".join(b"%d,-0.%d,%d.\n" % (n, n * n, n % 7) for n in range(60))
# TEXT as the Unix program compress packs it (16 bits, block mode).
PACKED = (
    "H52QMFi0gOEiIEEFMQQSTBjDhQIZCl3QYCHD4YyIOVjMcDhxoIsYNljQcFgjooySNRyG9DgjpA2HNyLSyHgQR0QbExsqyOgRR8KK"
    "CAN6jAEj4EaECYfKSDgSIcShNCamRHhxqI2MLxF2XJgj5MEYJT3KOMlCJ0iTNUICjRFTLI6MR2PYZCljYtMYPAm2TDhVhlCCNIqy"
    "yLpUJo2EB8fKxJHToYyqBGvIyAi0bsQaN0IeJevRBtmmMlYStJGZRd+2BG9MHux4bmrGLBLndcGYocW/LnIIBjojKcGuCY/OeLoQ"
    "huWmMyB/hPHWtMWtH8G6tBh24diSB1tGjDE5pM4ZqD+2pGzR9ceoE4XPBlu4aeDtNgRPPQzfJ2sFNIh/zDzxIA3lcs1UFkfQ4aUd"
    "UDRU54JfZB1Fg2gLxnCWe+GNBUNG85n3GAwTZSWgWIEhRhJuJwmmUw2+LRjfTyTpJ8MNHGpEknIy4HChSCRBN9lZU9Wg4AzGlZRV"
    "WhH1pt1BmBVZV0YnmpccThSRNNsMNNh3FA=="
)


@settings(max_examples=60)
@given(
    st.binary(max_size=40).flatmap(lambda seed: st.integers(1, 200).map(lambda times: seed * times)),
    st.sampled_from([9, 10, 12, 16]),
    st.sampled_from([0, 50, 300]),
)
def test_what_was_compressed_comes_back(raw: bytes, max_bits: int, clear_every: int) -> None:
    assert decompress(compress(raw, max_bits, clear_every)) == raw


def test_long_text_widens_the_codes() -> None:
    raw = b"".join(b"%d," % (n * n) for n in range(20000))
    packed = compress(raw)
    assert len(packed) < len(raw)
    assert decompress(packed) == raw


def test_a_file_of_the_unix_program() -> None:
    packed = base64.b64decode(PACKED)
    assert decompress(packed) == TEXT


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"PK\x03\x04", "not a .Z file: the first two bytes must be 1f 9d"),
        (b"", "not a .Z file: the first two bytes must be 1f 9d"),
        (b"\x1f\x9d\x88", "damaged .Z file: the code width must be between 9 and 16 bits, not 8"),
        (b"\x1f\x9d\x90\xff\xff\xff", "damaged .Z file: code 511 at bit 24 is not in the table"),
    ],
)
def test_other_files_are_refused(packed: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        decompress(packed)
    assert str(caught.value) == message
