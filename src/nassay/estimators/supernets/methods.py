"""Every way to train a super-network, by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from nassay.estimators.supernets.agents import AgentSearch
from nassay.estimators.supernets.bandits import Agents, Exp3Agents, LeastSquaresAgents
from nassay.estimators.supernets.choice import Choice
from nassay.estimators.supernets.differentiable import DifferentiableSearch
from nassay.estimators.supernets.partial import PartialChoice
from nassay.estimators.supernets.paths import RULES, PathTraining
from nassay.estimators.supernets.progressive import ProgressiveSearch
from nassay.estimators.supernets.relaxations import RELAXATIONS
from nassay.estimators.supernets.supernet import SuperNet
from nassay.estimators.supernets.training import SuperTraining
from nassay.spaces.base import Space
from nassay.tasks.base import Task

FORGETTING = 0.99  # of losses that fall while the weights are trained

AGENTS: dict[str, Callable[[tuple[int, ...]], Agents]] = {
    "manas": Exp3Agents,
    "manas_ls": partial(LeastSquaresAgents, forgetting=FORGETTING),
}
PROGRESSIVE = "p_darts"
PARTIAL = ("pc_darts",)  # whose choices work on a part of the channels
METHODS = (*RULES, *RELAXATIONS, PROGRESSIVE, *AGENTS)


def super_network(method: str, space: Space, *, width: float = 1.0) -> SuperNet:
    """The super-network that one of `METHODS` trains; see `SuperNet`."""
    return SuperNet(space, width=width, choice=PartialChoice if method in PARTIAL else Choice)


def super_training(method: str, network: SuperNet, task: Task, **options: Any) -> SuperTraining:
    """The training of a super-network by one of `METHODS`; see `SuperTraining` for the options."""
    if method in RULES:
        return PathTraining(network, task, method, **options)
    if method in RELAXATIONS:
        return DifferentiableSearch(network, task, RELAXATIONS[method], **options)
    if method == PROGRESSIVE:
        return ProgressiveSearch(network, task, **options)
    return AgentSearch(network, task, AGENTS[method](network.space.options), **options)
