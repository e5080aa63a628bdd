"""Every way to train a super-network, by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from nassay.errors import UserError
from nassay.estimators.supernets.agents import AgentSearch
from nassay.estimators.supernets.bandits import Agents, Exp3Agents, LeastSquaresAgents
from nassay.estimators.supernets.choice import Choice
from nassay.estimators.supernets.differentiable import DifferentiableSearch
from nassay.estimators.supernets.distillation import SandwichTraining
from nassay.estimators.supernets.few_shot import FewShotTraining
from nassay.estimators.supernets.partial import PartialChoice
from nassay.estimators.supernets.paths import RULES, PathTraining
from nassay.estimators.supernets.progressive import ProgressiveSearch
from nassay.estimators.supernets.relaxations import RELAXATIONS
from nassay.estimators.supernets.shrinking import ShrinkingTraining
from nassay.estimators.supernets.supernet import SuperNet
from nassay.estimators.supernets.training import SuperTraining
from nassay.estimators.supernets.weighted import WeightedPathTraining
from nassay.spaces.base import Space
from nassay.tasks.base import Task

FORGETTING = 0.99  # of losses that fall while the weights are trained

AGENTS: dict[str, Callable[[tuple[int, ...]], Agents]] = {
    "manas": Exp3Agents,
    "manas_ls": partial(LeastSquaresAgents, forgetting=FORGETTING),
}
PROGRESSIVE = "p_darts"
PARTIAL = ("pc_darts",)  # whose choices work on a part of the channels
BY_PATHS: dict[str, Callable[..., PathTraining]] = {
    **{rule: partial(PathTraining, rule=rule) for rule in RULES},
    "few_shot": FewShotTraining,
    "sandwich": SandwichTraining,
    "progressive": ShrinkingTraining,
    "opanas": WeightedPathTraining,
}
SIZED = ("sandwich", "progressive")  # which go from large sub-networks to small ones
METHODS = (*BY_PATHS, *RELAXATIONS, PROGRESSIVE, *AGENTS)


def super_network(method: str, space: Space, *, width: float = 1.0) -> SuperNet:
    """The super-network that one of `METHODS` trains; see `SuperNet`.

    Raises:
        UserError: the space has no super-network, or none for this method.
    """
    if method in SIZED:
        check_sizes(method, space)
    if space.elastic and method not in (*BY_PATHS, *AGENTS):
        raise UserError(
            f"{method!r} mixes options, and those of {space.name!r} are sizes of one network; take a space of cells, "
            "such as nb201, or another method."
        )
    return SuperNet(space, width=width, choice=PartialChoice if method in PARTIAL else Choice)


def check_sizes(method: str, space: Space) -> None:
    """What a method needs that goes from large sub-networks to small ones.

    Raises:
        UserError: the space's options have no sizes.
    """
    if not space.aspects:
        raise UserError(
            f"{method!r} goes from large sub-networks to small ones, and the options of {space.name!r} have no sizes; "
            "take a space such as mobile, resnet or bypass, or another method."
        )


def super_training(method: str, network: SuperNet, task: Task, **options: Any) -> SuperTraining:
    """The training of a super-network by one of `METHODS`; see `SuperTraining` for the options."""
    if method in BY_PATHS:
        return BY_PATHS[method](network, task, **options)
    if method in RELAXATIONS:
        return DifferentiableSearch(network, task, RELAXATIONS[method], **options)
    if method == PROGRESSIVE:
        return ProgressiveSearch(network, task, **options)
    return AgentSearch(network, task, AGENTS[method](network.space.options), **options)
