"""Whose board it is: in use, given back, left behind, taken over."""

import threading

import numpy as np
import pytest
from golden_board import golden_board

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.host.link import possession
from deep3.host.link.channel import FREE_SESSION
from deep3.host.link.errors import BoardInUse, SessionLost
from deep3.host.link.possession import HeldSession
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.sim.board.impairment import Impairment

CONFIG = EngineConfig()
LOSSY = Impairment(loss=0.1, duplication=0.1, reordering=0.2)


def held(port: int, take_over: bool = False) -> HeldSession:
    return HeldSession(UdpTransport("127.0.0.1", port), CONFIG.digest, take_over=take_over)


def raw(port: int) -> Session:
    return Session(UdpTransport("127.0.0.1", port), CONFIG.digest, patience_s=0.5)


class Working:
    """A host in a thread that keeps writing to its board."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._done = threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "Working":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._done.wait(0.05):
                self._session.write(Space.WEIGHT, 0, np.arange(100, dtype=np.uint16))
                self._session.flush()
        except Exception as error:
            self.error = error


@pytest.mark.parametrize("network", [Impairment(), LOSSY])
def test_a_board_in_use_is_refused_and_its_host_goes_on(network: Impairment) -> None:
    with golden_board(CONFIG, network, seed=1) as (_, port), held(port) as first:
        with Working(first) as host, pytest.raises(BoardInUse) as caught:
            held(port)
        assert host.error is None
        assert str(caught.value) == (
            f"board at 127.0.0.1:{port} is in use by another host, or another run of this one; wait for its end, or "
            f"take the board over with --take-over"
        )
        assert first.read(Space.WEIGHT, 0, 100).tolist() == list(range(100))


def test_a_board_in_use_is_taken_over_on_request() -> None:
    with golden_board(CONFIG) as (_, port), raw(port) as first:
        with Working(first) as host, held(port, take_over=True) as second:
            second.write(Space.WEIGHT, 0, np.full(8, 7, np.uint16))
            assert second.read(Space.WEIGHT, 0, 8).tolist() == [7] * 8
            host._thread.join(timeout=30)
        assert isinstance(host.error, SessionLost)


def test_a_board_given_back_is_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(possession, "_state", lambda _: pytest.fail("watched a board that was given back"))
    with golden_board(CONFIG) as (_, port):
        for _ in range(3):
            session = held(port)
            session.close()
            session.close()
        with raw(port) as asking:
            assert asking._channel.hello(0, 0).session not in (0, FREE_SESSION)


def test_a_board_whose_host_died_is_taken_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(possession, "WATCH_S", 0.5)
    with golden_board(CONFIG) as (_, port):
        raw(port).close()
        with held(port) as session:
            session.write(Space.WEIGHT, 0, np.arange(4, dtype=np.uint16))
            assert session.read(Space.WEIGHT, 0, 4).tolist() == [0, 1, 2, 3]


def test_of_two_hosts_that_want_a_free_board_one_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with golden_board(CONFIG) as (_, port):
        winner: list[Session] = []
        unused = possession._unused_session

        def overtaken(channel: object) -> int:
            session = unused(channel)  # type: ignore[arg-type]
            winner.append(raw(port))
            return session

        monkeypatch.setattr(possession, "_unused_session", overtaken)
        with pytest.raises(BoardInUse, match="was taken by another host just now"):
            held(port)
        winner[0].write(Space.WEIGHT, 0, np.arange(4, dtype=np.uint16))
        winner[0].flush()
        winner[0].close()
