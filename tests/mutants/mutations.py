"""Mutations of a source: the operators of cosmic-ray, at most one mutation a place drawn by a seeded generator."""

import ast
import random
from collections import defaultdict
from dataclasses import dataclass

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

__all__ = ["Mutation", "Place", "draw", "mutate"]

Position = tuple[int, int]
"""Line from 1 and column from 0."""


@dataclass(frozen=True)
class Mutation:
    """One changed place of a module.

    Attributes
    ----------
    module
        Path below the root.
    operator
        Name in cosmic-ray.
    line
        Number of the line.
    before, after
        The first line that changed, without the space around it.
    source
        The whole mutated source.
    """

    module: str
    operator: str
    line: int
    before: str
    after: str
    source: str


@dataclass(frozen=True)
class Place:
    """Where a module is to be mutated: the ``occurrence``-th node that an operator of cosmic-ray can change."""

    module: str
    operator: str
    occurrence: int


def draw(module: str, source: str, rng: random.Random) -> list[Place]:
    """One mutation of each place of a source.

    A place is what one kind of operator may change: an arithmetic operator has twelve replacements, of which one is
    drawn. Left out are annotations and decorators, which the type checker holds.
    """
    return [Place(module, *rng.choice(found)) for _, found in sorted(_places(source).items())]


def mutate(place: Place, source: str) -> Mutation | None:
    """The mutation of a place; None where it would be no Python any more."""
    mutated = mutate_code(source, cosmic_ray.plugins.get_operator(place.operator)(), place.occurrence)
    if mutated is None or not _is_python(mutated):
        return None
    line, before, after = _first_difference(source, mutated)
    return Mutation(place.module, place.operator, line, before, after, mutated)


def _places(source: str) -> dict[tuple[str, Position, Position], list[tuple[str, int]]]:
    """(kind, start, end) of each place to the (operator, occurrence) that mutate it."""
    nodes = list(ast_nodes(get_ast(source)))
    left_out = _unmutated(source)
    places: dict[tuple[str, Position, Position], list[tuple[str, int]]] = defaultdict(list)
    for name in cosmic_ray.plugins.operator_names():
        kind = name.partition("/")[2].partition("_")[0]
        operator = cosmic_ray.plugins.get_operator(name)
        # Those with arguments wait for names of variables.
        if operator.arguments() or kind == "RemoveDecorator":
            continue
        positions = [position for node in nodes for position in operator().mutation_positions(node)]
        for occurrence, (start, end) in enumerate(positions):
            if not any(first <= start < last for first, last in left_out):
                places[kind, start, end].append((name, occurrence))
    return places


def _unmutated(source: str) -> list[tuple[Position, Position]]:
    """Where annotations and decorators begin and end."""
    found = []
    for node in ast.walk(ast.parse(source)):
        annotations = [getattr(node, name, None) for name in ("annotation", "returns")]
        for part in [*annotations, *getattr(node, "decorator_list", [])]:
            if isinstance(part, ast.expr):
                assert part.end_lineno is not None
                assert part.end_col_offset is not None
                found.append(((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)))
    return found


def _is_python(source: str) -> bool:
    try:
        compile(source, "mutated", "exec")
    except SyntaxError:
        return False
    return True


def _first_difference(source: str, mutated: str) -> tuple[int, str, str]:
    """Number of the first line that differs, and that line before and after."""
    pairs = zip(source.splitlines(), mutated.splitlines(), strict=False)
    return next((line, a.strip(), b.strip()) for line, (a, b) in enumerate(pairs, start=1) if a != b)
