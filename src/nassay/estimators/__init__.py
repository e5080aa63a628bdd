"""How good is it, at what price: analytic counts, proxies, devices, training."""

from nassay.estimators.base import Estimate, Estimator, Fidelity

__all__ = ["Estimate", "Estimator", "Fidelity"]
