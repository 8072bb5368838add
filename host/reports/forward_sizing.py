"""What ``deep3 size --forward`` reports: link against array, where the weights of a network come over the link."""

from typing import Any

from deep3.cost_model.forward_sizing import ForwardDesign

from .sizing_advice import DEFAULT_ENGINE_FILE, build_commands

__all__ = ["forward_report"]

LINE_BITS_PER_SECOND = (100_000_000, 1_000_000_000)
MOST_WEIGHED = 8


def forward_report(designs: list[ForwardDesign], engine: str | None) -> dict[str, Any]:
    """The report of the first of the designs that were weighed.

    Parameters
    ----------
    engine
        File that its engine is written to; None for none.
    """
    best = designs[0]
    time, layout = best.time, best.time.streamed.layout
    builds, _ = build_commands(best.board, 1, engine or DEFAULT_ENGINE_FILE)
    pieces = time.streamed.pieces
    return {
        "model": best.task.name,
        "input_shape": list(best.task.network.input_shape),
        "parameters": best.task.network.parameters,
        "board": best.board.key,
        "device": best.device.name,
        "batch": best.batch,
        "rows": best.config.rows,
        "columns": best.config.columns,
        "digest": best.config.digest,
        "engine": best.config.to_toml(),
        "engine_file": engine,
        "evidence": {"of_shape": best.ground.evidence.value, "words": str(best.ground)},
        "block_rams": {"used": best.blocks, "there": best.device.block_ram.count, "origin": "exact"},
        "streamed": {
            "pieces": len(pieces),
            "half_words": layout.half_words,
            "weight_words": sum(piece.words for piece in pieces),
        },
        "clock_hz": time.clock_hz,
        "batch_cycles": sum(time.streamed.cycles_of(piece) for piece in pieces),
        "compute_sample_seconds": time.compute_seconds / best.batch,
        "board_link": _of_link(best),
        "links": [
            {"bits_per_second": bits, **_of_link(best, bits)} for bits in LINE_BITS_PER_SECOND
        ],
        "origin": "cycles exact, link modelled",
        "commands": {"build": builds},
        "designs_weighed": len(designs),
        "weighed": [_point(design) for design in designs[:MOST_WEIGHED]],
    }


def _of_link(design: ForwardDesign, bits_per_second: int | None = None) -> dict[str, Any]:
    time = design.time if bits_per_second is None else design.time.at(bits_per_second)
    return {
        "link_sample_seconds": time.link_seconds / design.batch,
        "sample_seconds": time.sample_seconds,
        "limit": time.limit,
    }


def _point(design: ForwardDesign) -> dict[str, Any]:
    return {
        "rows": design.config.rows,
        "columns": design.config.columns,
        "batch": design.batch,
        "block_rams": design.blocks,
        "compute_sample_seconds": design.time.compute_seconds / design.batch,
        **_of_link(design),
    }
