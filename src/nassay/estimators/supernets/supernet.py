"""A super-network: all networks of a space in one, sharing weights.

Its sub-networks are exactly the networks that the space builds: `inherited` hands their weights over, name by name.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from nassay.estimators.supernets.choice import Choice, Held, Selection
from nassay.estimators.supernets.elastic import Elastic, cut
from nassay.spaces.base import Architecture, Options, Space, pyramid_shapes
from nassay.spaces.network import Network

MakeChoice = Callable[[Held, int, Options, int], nn.Module]


class SuperNet(nn.Module):
    """All networks of a space, freshly initialised from torch's global generator.

    Every option of a choice is a module of its own, see `Choice`; or sub-networks are cut out of the largest one's
    weights, see `Elastic`.

    Args:
        space: one that has a super-network, see `Space.super_layout`.
        width: factor on every internal channel count.
        choice: what a choice is made of, where options are modules.

    Raises:
        UserError: the space has no super-network.
    """

    def __init__(self, space: Space, *, width: float = 1.0, choice: MakeChoice = Choice) -> None:
        super().__init__()
        self.space, self.width = space, width
        self.held = Held()
        layout = space.super_layout(partial(choice, self.held), width=width)
        shapes = None
        if space.reads_all_sizes(layout):  # which the layout with its choices cannot show
            largest = Architecture(space.name, tuple(n - 1 for n in space.options))
            shapes = pyramid_shapes(space.layout(largest, width=width), space.input_shape)
        self.network = space.assembled(layout, shapes)
        self.elastic = Elastic(space, width) if space.elastic else None

    def forward(self, x: Tensor, selection: Selection) -> Tensor:
        """Outputs of the selected sub-network, or mixture.

        Args:
            x: (B, C, H, W).
            selection: for each of the space's choices an option's index, an index for each item (B,) int64, or a
                weight for each option (options,) float.
        """
        if self.elastic is not None:
            return self.elastic.outputs(self.network, x, selection)
        self.held.selection = selection
        try:
            outputs: Tensor = self.network(x)
            return outputs
        finally:
            self.held.selection = None

    def paths(self, x: Tensor, paths: Sequence[Sequence[int]]) -> Tensor:
        """Outputs of a batch that is cut into as many equal parts as there are paths, each going through its own."""
        owner = torch.arange(len(x), device=x.device) * len(paths) // len(x)
        return self(x, [torch.tensor(options, device=x.device)[owner] for options in zip(*paths, strict=True)])

    def choices(self) -> Iterable[tuple[str, Choice]]:
        """Every choice's module by its name inside the network; a repeated cell has one for each repetition."""
        return ((name, module) for name, module in self.network.named_modules() if isinstance(module, Choice))

    def inherited(self, architecture: Architecture) -> dict[str, Tensor]:
        """The weights and buffers of a sub-network, by the names that they have in the network that stands alone.

        Where widths share their filters these are all of them; the network alone has the first ones.

        Raises:
            UserError: the architecture is not a point of the space.
        """
        selected = self.space.check(architecture).choices
        if self.elastic is not None:
            return self.elastic.inherited(self.network, architecture)
        own = {f"{name}.options": selected[choice.position] for name, choice in self.choices()}
        weights = {}
        for name, tensor in self.network.state_dict().items():
            owner = next((prefix for prefix in own if name.startswith(f"{prefix}.")), None)
            if owner is None:
                weights[name] = tensor
                continue
            option, _, rest = name.removeprefix(f"{owner}.").partition(".")
            if int(option) == own[owner]:
                weights[f"{owner.removesuffix('.options')}.{rest}"] = tensor
        return weights

    def extract(self, architecture: Architecture) -> Network:
        """A sub-network as a network of its own, with a copy of its inherited weights.

        Raises:
            UserError: the architecture is not a point of the space.
        """
        with torch.random.fork_rng(devices=[]):
            network = self.space.build(architecture, width=self.width)
        own = network.state_dict()
        network.load_state_dict({n: cut(t, own[n].shape) for n, t in self.inherited(architecture).items()})
        return network.to(next(self.parameters()).device)
