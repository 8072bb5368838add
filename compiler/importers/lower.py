"""From a model's operators to layers and weights, each operator of a closed list; anything else is refused by name."""

import math
from collections.abc import Callable
from dataclasses import replace

from deep3.compiler.network.layers import Dropout, Flatten, LayerError
from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function, Loss

from .batch_norm import fold_batch_norm
from .chain import Chain, Imported
from .graph import Graph, ModelError, Operator, refuse
from .pools import lower_adaptive_pool, lower_max_pool, lower_mean_pool
from .weighted import add_constant, lower_convolution, lower_linear

__all__ = ["KINDS", "lower_graph"]

FUNCTIONS = {"tanh": Function.TANH, "sigmoid": Function.SIGMOID, "relu": Function.RELU}


def _activation(chain: Chain, operator: Operator) -> None:
    chain.set_function(operator, FUNCTIONS[operator.kind])


def _reshape(chain: Chain, operator: Operator) -> None:
    """Maps to a vector, a vector to the maps of the input, or nothing at all."""
    if operator.shape == chain.shape:
        return
    if len(operator.shape) == 1 and operator.shape[0] == math.prod(chain.shape):
        if chain.layers:
            chain.append(operator, Flatten())
        else:
            # Samples are told by their values alone, so a network of vectors needs no layer for this.
            chain.input_shape = operator.shape
        return
    if not chain.layers and len(operator.shape) == 3:
        chain.input_shape = operator.shape
        return
    raise refuse(
        operator.place,
        f"it makes samples of the shape {operator.shape!r} out of {chain.shape!r}",
        "maps can become a vector and nothing else",
    )


def _dropout(chain: Chain, operator: Operator) -> None:
    probability = operator.attributes["probability"]
    assert isinstance(probability, float)
    if probability > 0:
        chain.append(operator, Dropout(probability))


def _softmax(chain: Chain, operator: Operator) -> None:
    """The loss brings it."""
    if operator.attributes["axis"] not in (1, -1) or len(chain.shape) != 1:
        raise refuse(operator.place, "it is not over the classes of a vector", "use one over dimension 1, or none")
    chain.ends = operator


def _identity(chain: Chain, operator: Operator) -> None:
    """Nothing to do."""


_HANDLERS: dict[str, Callable[[Chain, Operator], None]] = {
    "linear": lower_linear,
    "add_constant": add_constant,
    "convolution": lower_convolution,
    "batch_norm": fold_batch_norm,
    "max_pool": lower_max_pool,
    "mean_pool": lower_mean_pool,
    "adaptive_max_pool": lower_adaptive_pool,
    "adaptive_mean_pool": lower_adaptive_pool,
    "reshape": _reshape,
    "dropout": _dropout,
    "tanh": _activation,
    "sigmoid": _activation,
    "relu": _activation,
    "softmax": _softmax,
    "identity": _identity,
}

KINDS = tuple(_HANDLERS)
"""Every operator that becomes a layer, part of one, or nothing."""

_REFUSED = {
    "add": ("it adds two values, as a residual connection does", "a network is one chain of layers: leave it out"),
    "concatenate": ("it joins branches", "a network is one chain of layers: use one branch"),
    "pad": ("padding stands alone", "give the same padding on both sides to the convolution behind it"),
    "convolution_1d": ("it is over one dimension", "use Conv2d with a kernel (1, k) on channels x 1 x length"),
    "convolution_transposed": ("a transposed convolution makes maps larger", "networks classify; leave it out"),
}
"""Reason and remedy of operators that are often met."""


def lower_graph(graph: Graph, loss: Loss = Loss.SOFTMAX) -> Imported:
    """The network and the weights of a model.

    A softmax at the end becomes part of the loss; batch normalisation is folded into the layer before it; an
    activation behind a max pool or a flatten moves before it, where it gives the same; whatever is 0 for sure, a bias
    that the model does not have, is 0.

    Raises
    ------
    ModelError
        Naming the first operator that no layer computes, why, and what would do; or the weights that cannot be.
    """
    chain = Chain(graph.input_shape)
    value = graph.input
    for operator in _merged(_wanted(graph)):
        if operator.kind not in _HANDLERS or len(operator.inputs) != 1:
            raise _unknown(operator)
        if operator.inputs != (value,):
            raise refuse(operator.place, "it begins a branch", "a network is one chain of layers: use one branch")
        if chain.ends is not None and operator.kind not in ("identity", "dropout"):
            raise refuse(chain.ends.place, "softmax is not the last operator", "leave it out: the loss brings it")
        try:
            _HANDLERS[operator.kind](chain, operator)
        except LayerError as error:
            raise ModelError(f"{operator.place}: {error}") from None
        if operator.shape not in ((), chain.shape) and operator.kind != "reshape":
            raise refuse(
                operator.place,
                f"it gives the shape {operator.shape!r} where the layer for it gives {chain.shape!r}",
                "use sizes that its windows divide",
            )
        value = operator.output
    return _finished(graph, chain, loss)


def _wanted(graph: Graph) -> list[Operator]:
    """Those that the output needs, in order."""
    needed = {graph.output}
    found: list[Operator] = []
    for operator in reversed(graph.operators):
        if operator.output in needed:
            found.append(operator)
            needed.update(operator.inputs)
    return found[::-1]


def _merged(operators: list[Operator]) -> list[Operator]:
    """Reshapes that follow each other as one."""
    found: list[Operator] = []
    for operator in operators:
        if found and found[-1].kind == operator.kind == "reshape" and operator.inputs == (found[-1].output,):
            operator = replace(operator, inputs=found.pop().inputs)
        found.append(operator)
    return found


def _unknown(operator: Operator) -> ModelError:
    kind = "add" if operator.kind == "add_constant" else operator.kind
    if kind in _REFUSED:
        return refuse(operator.place, *_REFUSED[kind])
    if kind in _HANDLERS:
        return refuse(operator.place, f"it takes {len(operator.inputs)} computed values", "its weights must be given")
    return refuse(operator.place, f"there is no layer for {kind}", "leave it out; docs/models.md says what there is")


def _finished(graph: Graph, chain: Chain, loss: Loss) -> Imported:
    if chain.ends is not None and loss is not Loss.SOFTMAX:
        raise refuse(chain.ends.place, "softmax does not go with the loss mse", "take loss softmax, or leave it out")
    if not chain.weighted:
        raise ModelError(f"{graph.name}: there is no layer with weights in it; it takes a Linear or a convolution")
    try:
        network = Network(chain.input_shape, tuple(chain.layers), loss)
    except LayerError as error:
        last = chain.operators[-1].place
        remedy = "; the loss takes outputs before any function" if "functions" in str(error) else ""
        raise ModelError(f"{graph.name}: its end ({last}) is none of a network: {error}{remedy}") from None
    return Imported(network, [weights.matrix() for weights in chain.weighted], tuple(chain.weighted))
