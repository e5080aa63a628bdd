"""nassay: efficient neural architecture search, from images and a device limit to a trained, exported network.

The names below are loaded when they are first used, so that importing the package stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nassay.errors import InfeasibleError, NassayError, StudyBusyError, StudyStoppedError, UserError
    from nassay.estimators.analytic import profile
    from nassay.estimators.base import Estimate, Estimator, Fidelity
    from nassay.estimators.devices.onnx_latency import measure_latency_ms
    from nassay.estimators.proxies import score
    from nassay.gaps import gap
    from nassay.spaces.base import Architecture, Space
    from nassay.strategies.base import Strategy
    from nassay.strategies.problem import Constraints
    from nassay.studies.outcome import Result
    from nassay.studies.search import resume, search
    from nassay.tasks.base import Task

_HOMES = {
    "Architecture": "spaces.base",
    "Constraints": "strategies.problem",
    "Estimate": "estimators.base",
    "Estimator": "estimators.base",
    "Fidelity": "estimators.base",
    "InfeasibleError": "errors",
    "NassayError": "errors",
    "Result": "studies.outcome",
    "Space": "spaces.base",
    "Strategy": "strategies.base",
    "StudyBusyError": "errors",
    "StudyStoppedError": "errors",
    "Task": "tasks.base",
    "UserError": "errors",
    "gap": "gaps",
    "measure_latency_ms": "estimators.devices.onnx_latency",
    "profile": "estimators.analytic",
    "resume": "studies.search",
    "score": "estimators.proxies",
    "search": "studies.search",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nassay' has no attribute {name!r}")
    return getattr(import_module(f"nassay.{_HOMES[name]}"), name)
