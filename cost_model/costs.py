"""Costs of Deep3 (DAC 2017), Table 2 and equation 2, for any kind of worker; every figure says where it comes from."""

from dataclasses import dataclass
from itertools import pairwise

from .devices import Device

__all__ = ["Coefficients", "EngineEnergy", "Figure", "cpu_watts", "iteration_seconds", "local_costs"]

MEASURED, MODELLED = "measured", "modelled"


@dataclass(frozen=True)
class Figure:
    """A number and whether it was measured or modelled."""

    value: float
    origin: str


@dataclass(frozen=True)
class Coefficients:
    """The physical coefficients of Table 2.

    ``flop_seconds`` of a multiply-add, ``activation_seconds`` of a neuron forward, ``error_seconds`` of a neuron
    backward, each of one sample; ``step_seconds`` of a local step whatever its size; ``net_seconds`` and
    ``bytes_per_second`` of the way to the coordinator.
    """

    flop_seconds: float
    activation_seconds: float
    error_seconds: float
    step_seconds: float
    net_seconds: float
    bytes_per_second: float


@dataclass(frozen=True)
class LocalCosts:
    """T_FP and T_BP of a batch, T_comm of the weights one way, in seconds; bytes of weights, batch and activations."""

    forward_seconds: float
    backward_seconds: float
    communication_seconds: float
    memory_bytes: int

    @property
    def step_seconds(self) -> float:
        """T_FP + T_BP."""
        return self.forward_seconds + self.backward_seconds


def local_costs(
    sizes: tuple[int, ...], batch: int, coefficients: Coefficients, value_bytes: int = 4
) -> LocalCosts:
    """Table 2 for one batch of a fully connected network.

    Parameters
    ----------
    sizes
        n^(1) .. n^(S): features, hidden layers, classes.
    batch
        Samples of a batch.
    coefficients
        Of the worker.
    value_bytes
        N_bits / 8: bytes of a value, 4 in float32, 2 on a board.
    """
    edges = sum(inner * outer for inner, outer in pairwise(sizes))
    neurons = sum(sizes)
    c = coefficients
    forward = batch * (c.flop_seconds * edges + c.activation_seconds * neurons) + c.step_seconds / 3
    backward = batch * (2 * c.flop_seconds * edges + c.error_seconds * neurons) + 2 * c.step_seconds / 3
    parameters = edges + sum(sizes[1:])
    values = 2 * parameters + batch * (2 * neurons - sizes[0])
    communication = c.net_seconds + value_bytes * parameters / c.bytes_per_second
    return LocalCosts(forward, backward, communication, value_bytes * values)


def iteration_seconds(step_seconds: list[float], communication_seconds: list[float], n_push: int) -> float:
    """Equation 2: time of one iteration of all workers.

    As printed, the sum of T_FP + T_BP is multiplied by n_push, although one iteration is one batch of each worker
    and its share 2 / n_push of the communication; here it is not. Workers work at the same time: the slowest counts.
    """
    pairs = zip(step_seconds, communication_seconds, strict=True)
    return max(step + 2 * communication / n_push for step, communication in pairs)


def cpu_watts(
    activity: float, capacitance_farads: float, clock_hz: float, volts: float, leakage_watts: float
) -> Figure:
    """P = eta alpha C f V^2 plus leakage, with ``activity`` = eta alpha: the part of the capacitance that switches."""
    return Figure(activity * capacitance_farads * clock_hz * volts**2 + leakage_watts, MODELLED)


@dataclass(frozen=True)
class EngineEnergy:
    """Power of an engine on a device, from the device's coefficients.

    Parameters
    ----------
    device
        Whose coefficients count.
    block_rams, multipliers, luts, flip_flops
        In use.
    idle_watts
        Of the whole board at rest; None takes the device alone.
    """

    device: Device
    block_rams: int
    multipliers: int
    luts: int
    flip_flops: int
    idle_watts: float | None = None

    @property
    def cycle_joules(self) -> float:
        """Of one clock cycle of work."""
        power = self.device.power
        return (
            power.multiplier_joules * self.multipliers
            + power.block_ram_joules * self.block_rams
            + power.lut_joules * self.luts
            + power.flip_flop_joules * self.flip_flops
        )

    @property
    def static_watts(self) -> float:
        """At rest."""
        return self.device.power.static_watts if self.idle_watts is None else self.idle_watts

    def joules(self, seconds: float, working_cycles: float) -> Figure:
        """Energy of ``seconds`` in which ``working_cycles`` cycles were worked."""
        return Figure(self.static_watts * seconds + self.cycle_joules * working_cycles, MODELLED)
