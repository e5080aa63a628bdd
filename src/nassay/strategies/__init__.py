"""Where to look next: random, evolution, and the cascade."""

from nassay.strategies.base import Record, Request, Strategy, strategies
from nassay.strategies.problem import Budget, Constraints, Problem

__all__ = ["Budget", "Constraints", "Problem", "Record", "Request", "Strategy", "strategies"]
