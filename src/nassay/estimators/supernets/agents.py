"""MANAS on a super-network: agents draw a path, its weights descend, its loss on held-out images comes back to them.

Carlucci et al. 2019, arXiv:1909.01051, algorithm 1: the loss is that of the updated weights, on the architecture's half
of the training split. Here it is the share of mistakes in a batch, which lies in 0..1 all through the training.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.supernets.bandits import Agents
from nassay.estimators.supernets.supernet import SuperNet
from nassay.estimators.supernets.training import BilevelTraining
from nassay.tasks.base import Split, Task


class AgentSearch(BilevelTraining):
    """A super-network's training with agents, resumable at any step.

    Args:
        network: trained in place.
        task: data, loss and metric.
        agents: one for each choice of the network's space.
        options: see `SuperTraining`.
    """

    def __init__(self, network: SuperNet, task: Task, agents: Agents, **options: Any) -> None:
        self.agents = agents
        super().__init__(network, task, **options)

    def run(self, bound: Fidelity) -> Estimate:
        """Search up to the bound; see `Training.run`.

        Returns:
            The validation metric of the recommended sub-network; details hold its `choices`, and the agents' `weights`
            [choice][option].
        """
        found = super().run(bound)
        if found.value is None:
            return found
        weights = [[round(float(p), 6) for p in chances] for chances in self.agents.probabilities()]
        details = {**found.details, "choices": list(self.choices), "weights": weights}
        return Estimate.of(found.value, seconds=found.seconds, **details)

    @property
    def choices(self) -> tuple[int, ...]:
        """What the agents recommend, as a network of the space: the likeliest, see `Space.discretised`."""
        return self.network.space.discretised(self.agents.probabilities())[0].choices

    def outputs(self, split: Split) -> tuple[Tensor, Tensor]:
        """Outputs of the recommended sub-network on a split, and the targets."""
        return self.selected_outputs(self.choices, split)

    def _step(self, final_progress: float | None) -> float:
        self._path = self.agents.draw(np.random.default_rng([self.seed, self.state.step, 0xA6]))
        loss = super()._step(final_progress)
        x, y = self._held_out_batch()  # behind the step, which seeds what augments it
        with torch.no_grad():
            outputs = self.network(x, self._path).float().cpu()
            self.agents.tell(self._path, 1.0 - self.task.metric_of(outputs, y.cpu()))
        return loss

    def _backward(self, x: Tensor, y: Tensor) -> Tensor:
        loss = self.criterion(self.network(x, self._path), y)
        loss.backward()
        return loss

    def _more_state(self) -> dict[str, Any]:
        return {"agents": self.agents.state()}

    def _load_more(self, payload: dict[str, Any]) -> None:
        self.agents.load(payload["agents"])
