"""The process around a board: who gets which answer, when it sleeps, how it ends."""

import os
import socket
import threading
import time

from golden_board import golden_board
from small_network import CONFIG

from deep3.hdl.contract.protocol import Packet, Type, parse_packet
from deep3.sim.board.golden import GoldenDevice
from deep3.sim.board.server import BoardServer, listen


def host() -> socket.socket:
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connection.settimeout(5)
    return connection


def test_every_host_gets_its_own_answers() -> None:
    with golden_board(CONFIG) as (_, port), host() as one, host() as two:
        for number in range(20):
            one.sendto(Packet(Type.HELLO, 0, number).pack(), ("127.0.0.1", port))
            two.sendto(Packet(Type.HELLO, 0, 1000 + number).pack(), ("127.0.0.1", port))
        assert [parse_packet(one.recv(2048)).sequence for _ in range(20)] == list(range(20))
        assert [parse_packet(two.recv(2048)).sequence for _ in range(20)] == list(range(1000, 1020))


def test_the_server_ends_with_its_parent() -> None:
    read_end, write_end = os.pipe()
    with listen("127.0.0.1", 0) as bound:
        server = BoardServer(GoldenDevice(CONFIG), bound, parent=read_end)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        assert thread.is_alive()
        os.close(write_end)
        thread.join(5)
        assert not thread.is_alive()
    os.close(read_end)


class Counting(GoldenDevice):
    """Counts how often it is run."""

    runs = 0

    def run(self, max_cycles: int) -> int:
        self.runs += 1
        super().run(max_cycles)
        return 10


def test_an_idle_board_is_not_simulated() -> None:
    device = Counting(CONFIG)
    with listen("127.0.0.1", 0) as bound, host() as one:
        server = BoardServer(device, bound)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        one.sendto(Packet(Type.HELLO, 0, 1).pack(), bound.getsockname())
        one.recv(2048)
        time.sleep(0.05)
        server.stop()
        thread.join(5)
    assert device.runs == 1
    assert server.statistics().startswith("1 packets in, 1 out, 10 cycles in ")
