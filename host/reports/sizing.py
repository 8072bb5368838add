"""What ``deep3 size`` reports of a design: numbers with their units, where they come from, and what limits them."""

from collections import Counter
from typing import Any

from deep3.cost_model.choice import BUFFERS
from deep3.cost_model.design import Design, LocalDesign, ModelDesign, link_kind, pareto_front
from deep3.cost_model.local_network import losses_of_accuracy, ratio_losses
from deep3.cost_model.model_sizing import largest_batch, measured_ratio
from deep3.cost_model.resources import memories, memory_uses
from deep3.cost_model.sizing import embedding_range

from .sizing_advice import DEFAULT_ENGINE_FILE, build_commands, remedies, train_command, train_model_command

__all__ = ["board_report", "memory_map", "model_report"]


def board_report(designs: list[LocalDesign], engine: str | None, unrouted: bool) -> dict[str, Any]:
    """The report of the first of the designs that were weighed.

    Parameters
    ----------
    engine
        File that its engine is written to; None for none.
    unrouted
        Whether shapes were weighed that were never routed.
    """
    best = designs[0]
    task = best.task
    shortest, longest = embedding_range(best)
    builds, workers = build_commands(best.board, best.workers, engine or DEFAULT_ENGINE_FILE)
    losses = losses_of_accuracy(best.local, task.network)
    notes = _notes(best)
    if best.local.sizes != task.network.sizes:
        notes.append("the global network does not fit: each worker trains a part of it")
    return {
        "global_network": list(task.network.sizes),
        "local_network": list(best.local.sizes),
        "hidden_ratio": best.local.ratio,
        "embedding": {"length": best.local.embedding, "shortest": shortest, "longest": longest},
        **_of_any(best, engine),
        "too_small": losses,
        "remedies": remedies(best, unrouted) if losses else [],
        "commands": {
            "train": train_command(task, best.local, best.n_push, workers, engine or DEFAULT_ENGINE_FILE),
            "build": builds,
        },
        "notes": notes,
        "designs_weighed": len(designs),
        "pareto_front": [
            {**_point(design), "local_network": list(design.local.sizes)} for design in pareto_front(designs)
        ],
    }


def model_report(designs: list[ModelDesign], engine: str | None) -> dict[str, Any]:
    """`board_report` of a model, with all designs that were weighed."""
    best = designs[0]
    task = best.task
    builds, workers = build_commands(best.board, best.workers, engine or DEFAULT_ENGINE_FILE)
    notes, losses = _notes(best), _share_losses(best)
    if best.ratio < 1:
        notes.append(
            f"the model does not fit as a whole: each worker trains {best.ratio:.0%} of its maps and hidden neurons, "
            f"drawn anew for each push"
        )
    return {
        "model": task.name,
        "input_shape": list(task.network.input_shape),
        "parameters": task.network.parameters,
        "ratio": best.ratio,
        "global_network": list(task.network.widths),
        "local_network": list(best.local.widths),
        "local_parameters": best.local.parameters,
        "largest_batch": largest_batch(best),
        **_of_any(best, engine),
        "too_small": losses,
        "remedies": ["a smaller --batch", "another --board"] if losses else [],
        "commands": {
            "train": train_model_command(best, workers, engine or DEFAULT_ENGINE_FILE),
            "build": builds,
        },
        "notes": notes,
        "designs_weighed": len(designs),
        "weighed": [_model_point(design) for design in designs],
    }


def _share_losses(best: ModelDesign) -> list[str]:
    return ratio_losses(best.ratio, "maps and hidden neurons", measured_ratio(best.task.network))


def _of_any(best: Design, engine: str | None) -> dict[str, Any]:
    """What is reported of every design."""
    task = best.task
    return {
        "board": best.board.key,
        "device": best.device.name,
        "objective": task.objective,
        "optimiser": task.optimiser.name,
        "batch": task.batch,
        "samples": task.samples,
        "n_push": best.n_push,
        "workers": best.workers,
        "engine": best.config.to_toml(),
        "engine_file": engine,
        "rows": best.config.rows,
        "columns": best.config.columns,
        "digest": best.config.digest,
        "evidence": {"of_shape": best.ground.evidence.value, "words": str(best.ground)},
        "memory_map": memory_map(best),
        "resources": _resources(best),
        "time": _time(best),
        "energy": _energy(best),
        "bottleneck": {
            "what": best.push.bottleneck,
            "times_the_next": best.push.slack,
            "busy_seconds": best.push.busy_seconds,
        },
        "roofline": _roofline(best),
    }


def memory_map(design: Design) -> list[dict[str, Any]]:
    """Where the tensors lie in the operand memories, in words."""
    layout = design.step.lowered.layout
    placed = [(f"hidden {index + 1}", matrix) for index, matrix in enumerate(layout.hidden)]
    placed.append(("outputs", layout.outputs))
    tensors = [
        {"memory": matrix.memory.name.lower(), "tensor": name, "first": matrix.base, "words": matrix.words}
        for name, matrix in placed
    ]
    tensors += [
        {
            "memory": "activation",
            "tensor": f"inputs, buffer {index}",
            "first": layout.inputs.base + index * layout.buffer_words,
            "words": layout.buffer_words,
        }
        for index in range(layout.buffers)
    ]
    for name, matrices in (
        ("weights", layout.weights), (f"state of {layout.optimiser.name}", layout.state), ("errors", layout.errors)
    ):  # fmt: skip
        tensors += [
            {
                "memory": matrix.memory.name.lower(),
                "tensor": f"{name} {index + 1}",
                "first": matrix.base,
                "words": matrix.words,
            }
            for index, matrix in enumerate(matrices)
        ]
    if (words := layout.weights_end - layout.weights[-1].end) > 0:
        tensors.append(
            {"memory": "weight", "tensor": "constants", "first": layout.weights[-1].end, "words": words}
        )
    if (words := layout.errors_end - layout.errors[-1].end) > 0:
        tensors.append({"memory": "error", "tensor": "gradients", "first": layout.errors[-1].end, "words": words})
    memories_in_order = ("activation", "weight", "error")
    return sorted(tensors, key=lambda tensor: (memories_in_order.index(tensor["memory"]), tensor["first"]))


def _resources(design: Design) -> dict[str, Any]:
    device, (luts, flip_flops) = design.device, design.logic
    shapes = memories(design.config, link_kind(design.board))
    return {
        "block_rams": {"used": design.blocks, "there": device.block_ram.count, "origin": "exact"},
        "multipliers": {"used": design.multipliers, "there": device.multiplier.count, "origin": "exact"},
        "luts": {"used": luts, "there": device.logic.luts, "origin": "modelled"},
        "flip_flops": {"used": flip_flops, "there": device.logic.flip_flops, "origin": "modelled"},
        "memories": [
            {"memory": use.shape.name, "copies": use.shape.copies, "words": use.shape.depth,
             "bits": use.shape.width_bits, "cell": use.cell, "cells": use.cells}
            for use in memory_uses(shapes, device.family)
        ],
    }  # fmt: skip


def _time(design: Design) -> dict[str, Any]:
    step, push = design.step, design.push
    phases: Counter[str] = Counter()
    for name, cycles in step.phase_cycles:
        phases[name] += cycles
    return {
        "clock_hz": step.clock_hz,
        "batch_cycles": step.cycles,
        "phase_cycles": phases,
        "classify_batch_cycles": step.classify_cycles,
        "forward_seconds": step.forward_cycles / step.clock_hz,
        "backward_seconds": step.backward_cycles / step.clock_hz,
        "batch_on_link_seconds": step.stream_seconds,
        "communication_seconds": step.communication_seconds,
        "push_seconds": push.seconds,
        "samples_per_second": design.workers * design.n_push * design.task.batch / push.seconds,
        "epoch_seconds": design.epoch_seconds,
        "origin": "cycles exact, link modelled",
    }


def _energy(design: Design) -> dict[str, Any]:
    energy = design.energy
    return {
        "static_watts": energy.static_watts,
        "watts_at_work": energy.static_watts + energy.cycle_joules * design.step.clock_hz,
        "epoch_joules": design.epoch_joules,
        "origin": "modelled",
        "source": design.device.power.source,
    }


def _roofline(design: Design) -> dict[str, Any]:
    step = design.step
    return {
        "macs_per_word": step.intensity,
        "link_words_per_second": step.link.words_per_second,
        "peak_macs_per_second": step.peak_macs_per_second,
        "fed_macs_per_second": step.fed_macs_per_second,
        "achieved_macs_per_second": step.macs * design.n_push / design.push.seconds,
        "array_efficiency": step.array_efficiency,
    }


def _notes(design: Design) -> list[str]:
    notes = []
    push, step = design.push, design.step
    if design.link_limited:
        share = push.compute_seconds / push.stream_seconds
        notes.append(
            f"the link feeds the array {share:.0%} of the time: samples take {push.stream_seconds:.3g} s a push, "
            f"the engine {push.compute_seconds:.3g} s; a smaller array would do as much"
        )
    if design.n_push <= BUFFERS:
        notes.append("a push fits the batch buffers: the engine waits for its samples")
    if step.communication_seconds > 0.2 * push.seconds:
        notes.append(f"weights are on the way for {step.communication_seconds / push.seconds:.0%} of a push")
    if design.config.convolution:
        notes.append(
            "LUTs and flip-flops with convolution are an estimate: its units were synthesised one by one, no whole "
            "engine with them"
        )
    return notes


def _point(design: Design) -> dict[str, Any]:
    return {
        "rows": design.config.rows,
        "columns": design.config.columns,
        "n_push": design.n_push,
        "workers": design.workers,
        "epoch_seconds": design.epoch_seconds,
        "epoch_joules": design.epoch_joules,
        "block_rams": design.blocks,
    }


def _model_point(design: ModelDesign) -> dict[str, Any]:
    luts, _ = design.logic
    return {
        **_point(design),
        "batch": design.task.batch,
        "ratio": design.ratio,
        "rows_together": design.step.lowered.layout.rows_together,
        "cycles_a_sample": design.cycles_a_sample,
        "array_efficiency": design.step.array_efficiency,
        "luts": luts,
        "of_shape": design.ground.evidence.value,
    }
