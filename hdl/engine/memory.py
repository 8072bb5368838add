"""Banked operand memory: any vector along a row or a column of a tensor in one cycle, from one copy.

Flat word address n lies in bank ``n mod banks`` at word ``n div banks``. A vector is lanes j at ``n + j * (lane_step *
banks + 1)``: lane j falls into bank ``(n + j) mod banks``, so any vector is conflict-free and the permutation between
banks and lanes is a rotation. The same placement serves W and its transpose (cyclic weight storage, Venkataramanaiah et
al., FPL 2019).
"""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Member, Out

from deep3.hdl.cells.pipeline import NO_COLLISION_LOGIC, delay
from deep3.hdl.cells.primitives import RegisterCopy
from deep3.hdl.contract.instruction import Encoding
from deep3.hdl.contract.timing import ADDRESS_CYCLES, BANK_CYCLES, ROTATE_CYCLES

__all__ = ["BankAddresses", "Gather", "OperandBanks", "Scatter"]

LANES_A_COPY = 4
"""Lanes, or banks, that share one copy of the registers that choose for them."""


class BankAddresses(wiring.Component):
    """Word address in each bank of the vector that starts at a flat address.

    With s = n mod banks, bank b holds lane ``(b - s) mod banks``, at word ``n div banks + (b - s) lane_step`` for
    b >= s and ``banks * lane_step + 1`` further for b < s. So each bank needs one two-way choice and one addition; no
    rotator of addresses.

    Parameters
    ----------
    banks : int
        A power of two, 2 to 16.
    word_bits : int
        Bits of a word address inside a bank.
    encoding : Encoding
        Tells the widths of addresses and lane steps.

    Members
    -------
    address : In(address_bits)
    lane_step : In(lane_step_bits)
        Constant from `SETTLE_CYCLES` before the first address until `ADDRESS_CYCLES` after the last.
    words : Out(banks x word_bits)
        Latency `ADDRESS_CYCLES`, one vector a cycle.
    rotation : Out(log2(banks))
        s, with the same latency.
    """

    SETTLE_CYCLES = 6

    def __init__(self, banks: int, word_bits: int, encoding: Encoding) -> None:
        self.banks = banks
        self.word_bits = word_bits
        self.bank_bits = banks.bit_length() - 1
        super().__init__({
            "address": In(encoding.address_bits),
            "lane_step": In(encoding.lane_step_bits),
            "words": Out(data.ArrayLayout(unsigned(word_bits), banks)),
            "rotation": Out(self.bank_bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = self.word_bits
        step = Signal(width, reset_less=True)
        m.d.sync += step.eq(self.lane_step)

        # b * step by doubling and adding one step, a register each: quasi-static, so its few cycles are set-up time.
        multiples: list[Signal] = []
        for bank in range(self.banks + 1):
            multiple = Signal(width, name=f"step_x{bank}", reset_less=True)
            if bank == 1:
                m.d.comb += multiple.eq(step)
            elif bank:
                m.d.sync += multiple.eq((multiples[bank // 2] << 1) + (step if bank % 2 else 0))
            multiples.append(multiple)
        wrap = Signal(width, reset_less=True)
        m.d.sync += wrap.eq(multiples[self.banks] + 1)

        start = self.address[: self.bank_bits]
        word = self.address[self.bank_bits :]
        # Stage 1 and 2: s * step as two partial sums of shifted steps.
        terms = [Mux(start[bit], step << bit, 0) for bit in range(self.bank_bits)]
        partial = [Signal(width, name=f"partial_{half}", reset_less=True) for half in range(2)]
        m.d.sync += partial[0].eq(sum(terms[:2], start=0))
        m.d.sync += partial[1].eq(sum(terms[2:], start=0))
        word_1 = Signal(width, reset_less=True)
        m.d.sync += word_1.eq(word)
        product = Signal(width, reset_less=True)
        word_2 = Signal(width, reset_less=True)
        wrapped_2 = Signal(width, reset_less=True)
        m.d.sync += [product.eq(partial[0] + partial[1]), word_2.eq(word_1), wrapped_2.eq(word_1 + wrap)]
        # Stage 3: the two possible origins. Stage 4: one addition a bank.
        plain = Signal(width, reset_less=True)
        wrapped = Signal(width, reset_less=True)
        m.d.sync += [plain.eq(word_2 - product), wrapped.eq(wrapped_2 - product)]
        start_2 = delay(m, start, 2, name="start")
        start_3 = Signal(self.bank_bits, reset_less=True)
        below = Signal(self.banks, reset_less=True)
        m.d.sync += start_3.eq(start_2)
        m.d.sync += self.rotation.eq(start_3)
        for bank in range(self.banks):
            m.d.sync += below[bank].eq(start_2 > bank)
            m.d.sync += self.words[bank].eq(multiples[bank] + Mux(below[bank], wrapped, plain))
        return m


class OperandBanks(wiring.Component):
    """The banks of one operand memory: simple dual port block RAM with registered outputs.

    Parameters
    ----------
    banks, bank_words : int
        Number of banks; 16-bit words in each.

    Members
    -------
    read_words : In(banks x word_bits)
        A word address for each bank.
    read_data : Out(banks x 16)
        The words, `BANK_CYCLES` later.
    write_words, write_data, write_enable : In
        One write a bank and cycle. A read in the same cycle as a write to its address returns the old word or the new;
        no program does that.
    """

    def __init__(self, banks: int, bank_words: int) -> None:
        self.banks = banks
        self.bank_words = bank_words
        self.word_bits = (bank_words - 1).bit_length()
        super().__init__({
            "read_words": In(data.ArrayLayout(unsigned(self.word_bits), banks)),
            "read_data": Out(data.ArrayLayout(signed(16), banks)),
            "write_words": In(data.ArrayLayout(unsigned(self.word_bits), banks)),
            "write_data": In(data.ArrayLayout(signed(16), banks)),
            "write_enable": In(banks),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for bank in range(self.banks):
            memory = Memory(shape=unsigned(16), depth=self.bank_words, init=[], attrs=NO_COLLISION_LOGIC)
            m.submodules[f"bank_{bank}"] = memory
            write = memory.write_port()
            read = memory.read_port(transparent_for=())
            word = Signal(16, name=f"word_{bank}", reset_less=True)
            m.d.comb += [
                write.addr.eq(self.write_words[bank]),
                write.data.eq(self.write_data[bank]),
                write.en.eq(self.write_enable[bank]),
                read.addr.eq(self.read_words[bank]),
                read.en.eq(1),
                self.read_data[bank].eq(word),
            ]
            m.d.sync += word.eq(read.data)
        return m


class _VectorSide(wiring.Component):
    """What reading and writing vectors of an operand memory share: its shape, and where a vector lies."""

    def __init__(
        self, banks: int, word_bits: int, lanes: int, encoding: Encoding, members: dict[str, Member]
    ) -> None:
        self.encoding = encoding
        self.banks = banks
        self.word_bits = word_bits
        self.lanes = lanes
        self.bank_bits = banks.bit_length() - 1
        super().__init__({
            "address": In(encoding.address_bits), "lane_step": In(encoding.lane_step_bits), **members,
        })  # fmt: skip

    def _located(self, m: Module) -> BankAddresses:
        """The addresses of the vector in the banks."""
        m.submodules.addresses = addresses = BankAddresses(self.banks, self.word_bits, self.encoding)
        m.d.comb += [addresses.address.eq(self.address), addresses.lane_step.eq(self.lane_step)]
        return addresses


class Gather(_VectorSide):
    """Read side of an operand memory: flat address in, a vector of lanes out.

    Parameters
    ----------
    banks, word_bits : int
        Shape of the memory.
    lanes : int
        Lanes wanted, up to ``banks``.
    encoding : Encoding
        As of `BankAddresses`.

    Members
    -------
    address : In(address_bits), lane_step : In(lane_step_bits)
        As in `BankAddresses`.
    read_words : Out, read_data : In
        To the banks.
    data : Out(lanes x signed(16))
        Latency `MEMORY_READ_CYCLES`, one vector a cycle.
    """

    def __init__(self, banks: int, word_bits: int, lanes: int, encoding: Encoding) -> None:
        super().__init__(banks, word_bits, lanes, encoding, {
            "read_words": Out(data.ArrayLayout(unsigned(word_bits), banks)),
            "read_data": In(data.ArrayLayout(signed(16), banks)),
            "data": Out(data.ArrayLayout(signed(16), lanes)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        addresses = self._located(m)
        m.d.comb += self.read_words.eq(addresses.words)
        rotation = delay(m, addresses.rotation, BANK_CYCLES - 1, name="rotation")
        rotated = _rotated(m, list(self.read_data), rotation)
        m.d.comb += [self.data[lane].eq(rotated[lane]) for lane in range(self.lanes)]
        return m


class Scatter(_VectorSide):
    """Write side shared by the operand memories: flat address and lanes in, a write for each bank out.

    Parameters
    ----------
    banks, word_bits : int
        Shape of the widest memory.
    lanes : int
        Lanes of a vector, up to ``banks``.
    encoding : Encoding
        As of `BankAddresses`.

    Members
    -------
    address : In(address_bits), lane_step : In(lane_step_bits)
        As in `BankAddresses`.
    data : In(lanes x signed(16)), enable : In(lanes)
        Words to store, with the address.
    words, bank_data, bank_enable : Out
        Latency `MEMORY_WRITE_CYCLES`, one vector a cycle.
    """

    def __init__(self, banks: int, word_bits: int, lanes: int, encoding: Encoding) -> None:
        super().__init__(banks, word_bits, lanes, encoding, {
            "data": In(data.ArrayLayout(signed(16), lanes)),
            "enable": In(lanes),
            "words": Out(data.ArrayLayout(unsigned(word_bits), banks)),
            "bank_data": Out(data.ArrayLayout(signed(16), banks)),
            "bank_enable": Out(banks),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        addresses = self._located(m)
        m.d.comb += self.words.eq(addresses.words)
        wait_cycles = ADDRESS_CYCLES - ROTATE_CYCLES
        # Rotating by -s: bank b takes lane (b - s) mod banks. An enable travels as the top bit of its lane.
        back = Signal(self.bank_bits)
        m.d.comb += back.eq(-delay(m, self.address[: self.bank_bits], wait_cycles - 1, name="start"))
        lanes = []
        for lane in range(self.banks):
            word = Cat(self.data[lane], self.enable[lane]) if lane < self.lanes else Signal(17, name=f"none_{lane}")
            lanes.append(delay(m, word, wait_cycles, name=f"lane_{lane}", reset_less=False))
        for bank, word in enumerate(_rotated(m, lanes, back, reset_less=False)):
            m.d.comb += [self.bank_data[bank].eq(word[:16]), self.bank_enable[bank].eq(word[16])]
        return m


def _rotated(m: Module, values: list, amount: Value, *, reset_less: bool = True) -> list:
    """``values[(j + amount) mod len(values)]`` for every j, `ROTATE_CYCLES` after the values and one more after
    ``amount``: two levels of multiplexers, the high bits of ``amount`` first."""
    low_bits = len(amount) // 2
    early = delay(m, amount[:low_bits], 1, name="fine_amount") if low_bits else Const(0, 0)
    coarse = _level(m, values, amount[low_bits:], 1 << low_bits, "coarse", reset_less)
    return _level(m, coarse, early, 1, "fine", reset_less)


def _level(m: Module, values: list, amount: Value, unit: int, name: str, reset_less: bool) -> list:
    """One level: ``values[(j + unit * amount) mod len(values)]``, with a copy of ``amount`` for every few j."""
    rotated = []
    for lane in range(len(values)):
        if lane % LANES_A_COPY == 0 and len(amount):
            m.submodules[f"{name}_amount_{lane}"] = copy = RegisterCopy(len(amount))
            m.d.comb += copy.d.eq(amount)
        register = Signal(len(values[0]), name=f"{name}_{lane}", reset_less=reset_less)
        chosen = values[lane]
        if len(amount):
            chosen = Array(values[(lane + unit * choice) % len(values)] for choice in range(1 << len(amount)))[copy.q]
        m.d.sync += register.eq(chosen)
        rotated.append(register)
    return rotated
