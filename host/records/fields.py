"""Whether what was read from a file is of the types that a dataclass declares."""

import math
from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, get_args, get_origin

__all__ = ["check_fields"]

LARGEST = 1 << 63


def check_fields(kind: type[Any], values: Mapping[str, Any]) -> None:
    """Of values that are there; lists stand for tuples.

    Raises
    ------
    TypeError
        Naming the field whose value is of another type, not finite, or beyond 64 bits.
    """
    for field in fields(kind):
        if field.name in values and not _fits(values[field.name], field.type):
            raise TypeError(field.name)


def _fits(value: object, annotation: Any) -> bool:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return True
    if origin is UnionType:
        return any(_fits(value, argument) for argument in arguments)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(each, arguments[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(each, arguments[1]) for each in value.values())
    if annotation in (int, float):
        number = isinstance(value, int | annotation) and not isinstance(value, bool)
        return number and math.isfinite(value) and abs(value) < LARGEST  # type: ignore[arg-type]
    return isinstance(value, annotation)
