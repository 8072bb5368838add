"""Addresses of boards as users write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.hdl.contract.address import AddressError, format_endpoint, is_loopback, parse_endpoint


@given(port=st.integers(0, 65535), host=st.sampled_from(["127.0.0.1", "::1", "localhost", "board.example"]))
def test_format_and_parse_are_inverse(host: str, port: int) -> None:
    assert parse_endpoint(format_endpoint(host, port)) == (host, port)


def test_an_ipv6_host_stands_in_brackets() -> None:
    assert format_endpoint("::1", 4660) == "[::1]:4660"
    assert format_endpoint("10.0.0.9", 4660) == "10.0.0.9:4660"
    for text in ("::1:4660", "::1", "[::1:4660", "fe80::1]:4660"):
        with pytest.raises(AddressError) as caught:
            parse_endpoint(text)
        assert str(caught.value) == (
            f"an IPv6 host of an address must stand in brackets, like [::1]:4660, not {text!r}"
        )


@pytest.mark.parametrize("text", ["", "host", ":5", "host:", "host:x", "host:65536", "host:-1", "host:٣"])
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_endpoint(text)
    assert str(caught.value) == f"address must be HOST:PORT with a port between 0 and 65535, not {text!r}"


def test_loopback_is_known() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "192.168.1.5", "::", "board.example")] == [False] * 4
