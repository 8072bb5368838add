"""Addresses of boards as users write them."""

import ipaddress

from deep3.errors import UsageError

__all__ = ["AddressError", "format_endpoint", "is_loopback", "parse_endpoint"]


class AddressError(UsageError, ValueError):
    """Text that is no address of a board."""


def parse_endpoint(text: str) -> tuple[str, int]:
    """Split ``HOST:PORT``; an IPv6 host stands in brackets.

    Raises
    ------
    AddressError
        When it is not of that form.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise AddressError(f"an IPv6 host of an address must stand in brackets, like [::1]:4660, not {text!r}")
    if not host or not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > 65535:
        raise AddressError(f"address must be HOST:PORT with a port between 0 and 65535, not {text!r}")
    return host, int(port)


def format_endpoint(host: str, port: int) -> str:
    """The inverse of `parse_endpoint`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a host, by name or number, can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
