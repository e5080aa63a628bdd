"""Super-networks: one set of weights for a whole space, and what its sub-networks inherit from it."""

from nassay.estimators.supernets.choice import Choice, Selection
from nassay.estimators.supernets.supernet import SuperNet

__all__ = ["Choice", "Selection", "SuperNet"]
