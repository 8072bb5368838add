"""Which deep3 this is."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
"""Told here once: pyproject.toml reads it, so that an installed package and a checkout answer alike."""
