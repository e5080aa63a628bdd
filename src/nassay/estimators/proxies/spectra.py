"""Eigenvalues and singular values of the tall, flat or small matrices that features make, each by its cheapest way."""

from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor

DENSE = 128  # columns up to which a whole decomposition is as cheap as an iteration
TOLERANCE = 1e-7  # of the largest eigenvalue, relative; that of float32


def covariance_spectrum(x: Tensor) -> Tensor:
    """Eigenvalues of the columns' covariance, times the number of rows.

    Args:
        x: (n, C).

    Returns:
        (min(n, C),) float64, ascending, at least 0; where there are fewer rows than columns, the others are 0.
    """
    centred = x - x.mean(0)
    gram = centred.T @ centred if len(x) >= x.shape[1] else centred @ centred.T
    return torch.linalg.eigvalsh(gram.double()).clamp(min=0)


def largest_singular_value(g: Tensor, v: Tensor) -> float:
    """Of g' v, by Lanczos' method where the matrix is large (Lehoucq et al. 1998, ARPACK).

    Args:
        g: (n, C') real.
        v: (n, C) real.

    Raises:
        RuntimeError: a value is not finite.
    """
    operator: Any
    columns = min(g.shape[1], v.shape[1])
    if columns <= DENSE:
        return float(torch.linalg.matrix_norm(g.T @ v, 2))
    if len(g) < columns:
        factors = g.cpu().double().numpy(), v.cpu().double().numpy()
        operator = LinearOperator(
            (v.shape[1],) * 2, matvec=lambda x: factors[1].T @ (factors[0] @ (factors[0].T @ (factors[1] @ x)))
        )
    else:
        product = g.T @ v if g.shape[1] >= v.shape[1] else v.T @ g
        operator = (product.T @ product).cpu().double().numpy()
    try:
        start = np.ones(operator.shape[0])
        found = eigsh(operator, k=1, which="LA", v0=start, tol=TOLERANCE, return_eigenvectors=False)
    except ArpackError:  # no convergence, or nothing but zeros
        return float(torch.linalg.matrix_norm(g.T @ v, 2))
    return float(found[0]) ** 0.5
