"""Placement of vectors in banks."""

from hypothesis import given
from hypothesis import strategies as st

from deep3.hdl.contract.instruction import FLAT_ENCODING
from deep3.hdl.contract.program import ADDRESS_BITS
from deep3.sim.golden.engine.memory import lane_addresses


@given(
    address=st.integers(0, (1 << ADDRESS_BITS) - 1), lane_step=st.integers(0, (1 << FLAT_ENCODING.lane_step_bits) - 1),
    bank_bits=st.integers(1, 4),
)  # fmt: skip
def test_no_two_lanes_of_a_vector_meet_in_a_bank(address: int, lane_step: int, bank_bits: int) -> None:
    banks = 1 << bank_bits
    in_banks = lane_addresses(address, lane_step, banks, banks) % banks
    assert sorted(in_banks.tolist()) == list(range(banks))
