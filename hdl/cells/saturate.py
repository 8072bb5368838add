"""Saturation in gateware."""

from amaranth import Cat, Mux, Value

__all__ = ["saturate"]


def saturate(value: Value, bits: int) -> tuple[Value, Value]:
    """Clip a signed value to ``bits`` bits.

    Returns
    -------
    tuple
        The clipped value, signed(bits), and a bit that is high where it differs from ``value``.

    Raises
    ------
    ValueError
        When ``value`` is not signed or not wider than ``bits``.
    """
    if not value.shape().signed:
        raise ValueError(f"value must be signed, not {value.shape()!r}")
    if not 1 < bits < len(value):
        raise ValueError(f"bits must be between 2 and {len(value) - 1} for a value of {len(value)} bits, not {bits!r}")
    sign = value[-1]
    above = value[bits - 1 :]
    clipped = above.any() & ~above.all()
    limit = Cat((~sign).replicate(bits - 1), sign)
    return Mux(clipped, limit, value[:bits]).as_signed(), clipped
