"""Values rounded to Q3.12 are those of the words."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from deep3.hdl.contract.fixed_point import from_q3_12, round_q3_12, saturate_q3_12


@given(arrays(np.float32, array_shapes(max_dims=2), elements=st.floats(-20, 20, width=32)))
def test_rounding_gives_the_values_of_the_words(values: np.ndarray) -> None:
    given = values.copy()
    words, clipped_words = saturate_q3_12(values)
    rounded, clipped = round_q3_12(values)
    np.testing.assert_array_equal(rounded, from_q3_12(words))
    assert rounded.dtype == np.float32
    assert clipped == clipped_words
    np.testing.assert_array_equal(values, given)
