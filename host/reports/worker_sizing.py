"""What ``deep3 size`` reports for CPU and CUDA workers."""

from typing import Any

from deep3.cost_model.design import Task
from deep3.cost_model.local_network import losses_of_accuracy
from deep3.cost_model.profile import Profile
from deep3.cost_model.worker_sizing import size_workers

from .sizing_advice import train_command

__all__ = ["worker_report"]


def worker_report(task: Task, profile: Profile) -> dict[str, Any]:
    """The report of a local network for CPU or CUDA workers.

    Raises
    ------
    NothingFits
        When none fits, or a limit is exceeded.
    """
    design = size_workers(task, profile)
    costs = design.costs
    workers = [f"{profile.device}:{design.workers}"]
    losses = losses_of_accuracy(design.local, task.network)
    return {
        "device": profile.device,
        "objective": task.objective,
        "batch": task.batch,
        "samples": task.samples,
        "global_network": list(task.network.sizes),
        "local_network": list(design.local.sizes),
        "hidden_ratio": design.local.ratio,
        "n_push": design.n_push,
        "workers": design.workers,
        "memory_bytes": {"used": costs.memory_bytes, "there": profile.memory_bytes, "origin": "modelled"},
        "time": {
            "forward_seconds": costs.forward_seconds,
            "backward_seconds": costs.backward_seconds,
            "communication_seconds": costs.communication_seconds,
            "iteration_seconds": design.iteration_seconds,
            "epoch_seconds": design.epoch_seconds,
            "origin": "measured coefficients",
        },
        "energy": {
            "watts_at_work": profile.watts,
            "epoch_joules": design.epoch_joules,
            "origin": profile.watts_origin,
        },
        "too_small": losses,
        "remedies": ["a smaller --batch", "another machine"] if losses else [],
        "commands": {"train": train_command(task, design.local, design.n_push, workers), "build": []},
    }
