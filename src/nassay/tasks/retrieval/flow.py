"""The conditional normalising flow of NIR: affine coupling blocks of a random split each (Roth et al., CVPR 2022).

A block transforms one half of the dimensions given the other half and the condition, then the other way round
(Glow's coupling, Kingma & Dhariwal, arXiv:1807.03039, without its 1x1 convolution):

    z_B = exp(c(s(x_A, rho))) x_B + t(x_A, rho),    c(s) = 2 * 0.636 atan(s),    |c| < 2

The halves are drawn anew for each block from the block's number. The released code permutes the dimensions by a fixed
random permutation, then couples the first and second half: the same up to the order of z, which neither |z|^2 nor
log|det J| sees. The condition is an input of every sub-network ("dense" there). Built from zuko's couplings, which
hold its networks, masks and determinants; soft clamp and sub-networks (`depth` linear layers, ReLU) as released.
"""

import torch
from torch import Tensor, nn
from torch.distributions.transforms import AffineTransform

from nassay.extras import extra

CLAMP = 2.0
ATAN = 0.636  # about 2 / pi, so that the clamped value stays within +-CLAMP


class ConditionalFlow(nn.Module):
    """An invertible map of embeddings for every condition.

    Args:
        dimension: D of the embeddings, at least 2; halves of an odd D differ by one.
        blocks: number of coupling blocks.
        width: of the hidden layers of a sub-network.
        depth: number of its linear layers.

    Raises:
        UserError: zuko is not installed.
    """

    def __init__(self, dimension: int, *, blocks: int = 5, width: int = 128, depth: int = 8) -> None:
        super().__init__()
        with extra("retrieval"):
            from zuko.flows.coupling import GeneralCouplingTransform
            from zuko.lazy import LazyComposedTransform
        hidden = [width] * (depth - 1)
        self.transform = LazyComposedTransform(
            *(
                GeneralCouplingTransform(dimension, dimension, mask, soft_affine, hidden_features=hidden)
                for block in range(blocks)
                for mask in _halves(dimension, block)
            )
        )

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """(B, D) embeddings and (B, D) conditions -> (B, D) z and (B,) log|det dz/dx|."""
        z, log_determinant = self.transform(condition).call_and_ladj(x)
        return z, log_determinant

    def inverse(self, z: Tensor, condition: Tensor) -> Tensor:
        """(B, D) z and conditions -> the (B, D) embeddings that they come from."""
        x: Tensor = self.transform(condition).inv(z)
        return x


def soft_affine(shift: Tensor, log_scale: Tensor) -> AffineTransform:
    """The map exp(c(log_scale)) x + shift with the soft clamp c of the module."""
    return AffineTransform(shift, torch.exp(CLAMP * ATAN * torch.atan(log_scale)))


def _halves(dimension: int, block: int) -> tuple[Tensor, Tensor]:
    """Masks of a random half of the dimensions and of the rest."""
    order = torch.randperm(dimension, generator=torch.Generator().manual_seed(block))
    first = torch.zeros(dimension, dtype=torch.bool)
    first[order[: dimension // 2]] = True
    return first, ~first
