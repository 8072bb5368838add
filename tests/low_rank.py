"""Samples in a subspace of a wanted dimension."""

import numpy as np

__all__ = ["low_rank"]


def low_rank(samples: int, features: int, rank: int, seed: int, noise: float = 0.0) -> np.ndarray:
    """``samples x features``, float32, normal, in ``rank`` dimensions but for the noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, rank)) @ rng.normal(size=(rank, features))
    return (x + noise * rng.normal(size=x.shape)).astype(np.float32)
