"""A forest that knows what it does not know: mean and spread over trees, and the improvement that they promise.

The surrogate of SMAC (Hutter et al. 2011), which ProxyBO uses (arXiv:2110.10423): few trees, each on its own bootstrap
sample. Expected improvement, Jones et al. 1998, for values of which larger ones are better:

    EI(x) = (mu - y*) Phi(z) + s phi(z),  z = (mu - y*) / s,  0 where s = 0.
"""

import numpy as np
import sklearn
from scipy.special import ndtr
from sklearn.tree import DecisionTreeRegressor

TREES = 10
SMALLEST_LEAF = 1
FEATURES = 5 / 6  # share of the features that a split may choose from


class ProbabilisticForest:
    """Regression trees on bootstrap samples; the spread of their predictions is the uncertainty.

    scikit-learn's trees without its forest, whose checks and jobs take longer than ten trees on some hundred rows.

    Args:
        seed: of bootstrap samples and splits.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.trees: list[DecisionTreeRegressor] = []

    def fit(self, features: np.ndarray, truth: np.ndarray) -> "ProbabilisticForest":
        """Fit to (n, d) features and (n,) values."""
        rng, n = np.random.default_rng(self.seed), len(truth)
        x, y = np.asarray(features, dtype=np.float32), np.asarray(truth, dtype=np.float64)[:, None]
        self.trees = []
        with sklearn.config_context(skip_parameter_validation=True):  # which takes as long as a tree
            for _ in range(TREES):
                rows, seed = rng.integers(n, size=n), int(rng.integers(2**31))
                tree = DecisionTreeRegressor(min_samples_leaf=SMALLEST_LEAF, max_features=FEATURES, random_state=seed)
                self.trees.append(tree.fit(x[rows], y[rows], check_input=False))
        return self

    def moments(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation over trees, (n,) each, for (n, d) features."""
        rows = np.ascontiguousarray(features, dtype=np.float32)
        found = np.stack([tree.tree_.predict(rows)[:, 0] for tree in self.trees])
        return found.mean(0), found.std(0)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """(n,) means, for (n, d) features."""
        return self.moments(features)[0]


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """How much better than `best` a value is expected to be, counting worse ones as nothing; (n,) arrays."""
    gain = mean - best
    z = gain / np.where(deviation > 0, deviation, 1.0)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.where(deviation > 0, gain * ndtr(z) + deviation * density, 0.0)
