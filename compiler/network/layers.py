"""A fully connected network as a value: layer sizes, activation functions, loss."""

from dataclasses import dataclass

from deep3.hdl.contract.program import Function, Loss

__all__ = ["MAX_SIZE", "Network"]

MAX_SIZE = 4093
"""Widest layer and largest batch: 11-bit tile counts at two lanes a tile, one lane left for the bias."""


@dataclass(frozen=True)
class Network:
    """Fully connected layers, each with a bias.

    Parameters
    ----------
    sizes
        Features of the input, of every hidden layer and of the output, in this order.
    functions
        Activation function of each layer, one fewer than ``sizes``; the last is IDENTITY.
    loss
        SOFTMAX (cross entropy after softmax) or MSE (half the squared distance to the one-hot label).

    Raises
    ------
    ValueError
        For a value of the wrong kind or out of range.
    """

    sizes: tuple[int, ...]
    functions: tuple[Function, ...]
    loss: Loss = Loss.SOFTMAX

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, tuple) or len(self.sizes) < 2:
            raise ValueError(f"sizes must be a tuple of two or more layer sizes, not {self.sizes!r}")
        for size in self.sizes:
            if type(size) is not int or not 1 <= size <= MAX_SIZE:
                raise ValueError(f"every size must be an integer between 1 and {MAX_SIZE}, not {size!r}")
        if self.sizes[-1] < 2:
            raise ValueError(f"the last of sizes (classes) must be 2 or more, not {self.sizes[-1]!r}")
        if not isinstance(self.functions, tuple) or len(self.functions) != len(self.sizes) - 1:
            count = len(self.sizes) - 1
            raise ValueError(f"functions must be a tuple of {count}, one a layer, not {self.functions!r}")
        for function in self.functions:
            if not isinstance(function, Function):
                raise ValueError(f"every function must be a Function, not {function!r}")
        if self.functions[-1] is not Function.IDENTITY:
            raise ValueError(f"the last of functions must be IDENTITY, not {self.functions[-1].name}")
        if self.loss not in (Loss.SOFTMAX, Loss.MSE):
            raise ValueError(f"loss must be SOFTMAX or MSE, not {self.loss!r}")

    @classmethod
    def uniform(
        cls, sizes: tuple[int, ...], hidden: Function = Function.TANH, loss: Loss = Loss.SOFTMAX
    ) -> "Network":
        """A network whose hidden layers all have the activation function ``hidden``."""
        return cls(sizes, (hidden,) * (len(sizes) - 2) + (Function.IDENTITY,), loss)

    @property
    def layers(self) -> int:
        """Weight matrices."""
        return len(self.functions)

    @property
    def inputs(self) -> int:
        """Features of a sample."""
        return self.sizes[0]

    @property
    def classes(self) -> int:
        """Outputs."""
        return self.sizes[-1]

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(out * (inner + 1) for inner, out in zip(self.sizes, self.sizes[1:], strict=False))
