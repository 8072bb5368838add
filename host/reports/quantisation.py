"""What ``deep3 quantise`` reports: each tensor of one batch in the engine's formats, beside floating point."""

from typing import Any

from deep3.host.measure.quantisation import Quantised, Tensor

__all__ = ["quantisation_report"]


def quantisation_report(quantised: Quantised) -> dict[str, Any]:
    """Numbers of each tensor, and whether both say the same classes."""
    tensors = quantised.tensors
    (logits,) = [tensor for tensor in tensors if tensor.kind == "logits"]
    same = logits.words.argmax(axis=1) == logits.exact.argmax(axis=1)
    return {
        "model": quantised.model,
        "data": quantised.data,
        "scaled": quantised.scaled,
        "samples": len(same),
        "same_class": float(same.mean()),
        "tensors": [_numbers(tensor) for tensor in tensors],
        "notes": _notes(quantised),
    }


def _numbers(tensor: Tensor) -> dict[str, Any]:
    return {
        "tensor": tensor.name,
        "kind": tensor.kind,
        "layer": tensor.layer,
        "format": tensor.format,
        "step": tensor.step,
        "values": tensor.words.size,
        "smallest": float(tensor.exact.min()),
        "largest": float(tensor.exact.max()),
        "clipped": tensor.clipped,
        "zeros": tensor.zeros,
        "below_half_a_step": tensor.lost,
        "relative_error": tensor.relative_error,
        "worst_error": tensor.worst_error,
    }


def _notes(quantised: Quantised) -> list[str]:
    tensors = quantised.tensors
    notes = []
    if quantised.scaled:
        notes.append("samples leave [-8, 8), and were centred and scaled as deep3 train does it, channel by channel")
    clipped = {tensor.kind: tensor for tensor in tensors if tensor.clipped}
    if "inputs" in clipped:
        notes.append("samples leave [-8, 8) even when they are scaled")
    if "weights" in clipped or "activations" in clipped:
        notes.append("weights or activations reach the ends of [-8, 8); smaller weights keep away from them")
    if not any(tensor.kind == "errors" for tensor in tensors):
        notes.append("there are no errors, because the data have no labels")
    return notes
