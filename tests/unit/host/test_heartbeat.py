"""A sign of life: repeats the last announcement while nothing else is said, and ends with the work."""

import threading

import pytest

from deep3.host.cli.heartbeat import heartbeat


def test_silence_is_broken_with_what_is_under_way() -> None:
    said: list[str] = []
    twice = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if sum("still at it" in line for line in said) >= 2:
            twice.set()

    with heartbeat(say, quiet_s=0.005) as announce:
        announce("synthesise")
        assert twice.wait(30)
    assert said[0] == "synthesise"
    assert all(line.startswith("still at it, ") and line.endswith(" s: synthesise") for line in said[1:])
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())


def test_what_is_announced_is_said_at_once_and_only_once() -> None:
    said: list[str] = []
    with heartbeat(said.append) as announce:
        announce("one")
        announce("two")
        assert said == ["one", "two"]
    assert said == ["one", "two"]


def test_an_error_of_the_work_ends_it() -> None:
    with pytest.raises(ValueError, match="work"), heartbeat(lambda _: None):
        raise ValueError("work")
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
