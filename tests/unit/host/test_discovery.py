"""Finding boards: who answers, what they say, and what is said when nobody does."""

import json
import socket
import threading
from contextlib import closing

import pytest
from golden_board import golden_board
from small_network import CONFIG

from deep3.hdl.contract.protocol import UDP_PORT, Packet, Type, parse_packet
from deep3.host.cli import main
from deep3.host.link.discovery import DiscoveryError, FoundBoard, broadcast_addresses, discover, parse_place
from deep3.host.link.session import Session
from deep3.host.link.udp import UdpTransport
from deep3.sim.board.impairment import Impairment

HOST = "127.0.0.1"


def found(port: int, session: int) -> FoundBoard:
    return FoundBoard(f"{HOST}:{port}", CONFIG.digest, CONFIG.rows, CONFIG.columns, session, 1)


def test_boards_are_listed_with_who_uses_them_and_left_as_they_were() -> None:
    bad = Impairment(loss=0.3, duplication=0.3, corruption=0.2)
    with golden_board(CONFIG, bad, seed=1) as (_, one), golden_board(CONFIG) as (device, two):
        with Session(UdpTransport(HOST, two), CONFIG.digest) as session:
            current = device.endpoint.session
            boards = discover([(HOST, two), (HOST, one)], 1.5)
            assert session.status().dropped_session == 0
        assert device.endpoint.session == current
    assert boards == sorted([found(one, 0), found(two, current)], key=lambda board: int(board.address[10:]))


def test_nobody_answers() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as silent:
        silent.bind((HOST, 0))
        port = silent.getsockname()[1]
        with pytest.raises(DiscoveryError) as caught:
            discover([(HOST, port), ("board.invalid", 1)], 0.1)
    message = str(caught.value)
    assert message.startswith(f"no board answered within 0.1 s: asked {HOST}:{port}, board.invalid:1 (")
    assert message.endswith("--address asks elsewhere")
    assert "\n" not in message


def test_rubbish_and_answers_to_others_are_no_boards() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as stranger:
        stranger.bind((HOST, 0))
        stranger.settimeout(5)

        def answer() -> None:
            asked, peer = stranger.recvfrom(2048)
            number = parse_packet(asked).sequence
            for packet in (
                b"rubbish",
                Packet(Type.WELCOME, 0, number ^ 1, payload=bytes(20)).pack(),
                Packet(Type.WELCOME, 0, number, payload=bytes(22)).pack(),
                Packet(Type.ACK, 0, number, payload=bytes(28)).pack(),
            ):
                stranger.sendto(packet, peer)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DiscoveryError, match=r"^no board answered within 0\.3 s: asked 127"):
            discover([stranger.getsockname()], 0.3)
        thread.join()


def test_all_networks_and_this_machine_are_asked() -> None:
    places = broadcast_addresses()
    assert (places[0], places[-1]) == (("255.255.255.255", UDP_PORT), (HOST, UDP_PORT))
    assert len(set(places)) == len(places)


def test_places() -> None:
    assert parse_place("192.168.1.255") == ("192.168.1.255", UDP_PORT)
    assert parse_place("ecpix:7") == ("ecpix", 7)
    for text in ("", ":7", "ecpix:", "ecpix:0", "ecpix:65536"):
        with pytest.raises(DiscoveryError, match=r"^address must be HOST or HOST:PORT with a port between"):
            parse_place(text)


@pytest.mark.parametrize("timeout_s", [0, -1, 61, float("nan")])
def test_a_time_out_of_range(timeout_s: float) -> None:
    with pytest.raises(DiscoveryError, match=rf"^timeout must be above 0 and at most 60 seconds, not {timeout_s!r}$"):
        discover([(HOST, 1)], timeout_s)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with golden_board(CONFIG) as (_, port):
        assert main(["discover", "--address", f"{HOST}:{port}", "--timeout", "0.2"]) == 0
        line = f"{HOST}:{port}: {CONFIG.rows} x {CONFIG.columns} engine {CONFIG.digest}, free\n"
        assert capsys.readouterr().out == line
        assert main(["discover", "--address", f"{HOST}:{port}", "--timeout", "0.2", "--json"]) == 0
    (board,) = json.loads(capsys.readouterr().out)["boards"]
    assert board["session"] == 0
    assert main(["discover", "--address", "nowhere:x"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
