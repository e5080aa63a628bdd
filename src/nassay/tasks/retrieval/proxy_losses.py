"""Proxy losses by pytorch-metric-learning: embeddings against a few learnt points of each class.

- `proxy_nca++`: ProxyNCA++ (Teh, DeVries & Taylor, ECCV 2020, arXiv:2004.01113): the library's ProxyNCA, whose softmax
  is over all proxies, at temperature 1/9. Its authors' other changes (max pooling, layer norm) belong to the network.
- `proxy_anchor`: Proxy-Anchor (Kim et al., CVPR 2020, arXiv:2003.13911), alpha 32, margin 0.1.
- `soft_triple`: SoftTriple (Qian et al., ICCV 2019, arXiv:1909.05235), ten centres a class, without its regulariser.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nassay.errors import UserError
from nassay.extras import extra
from nassay.registry import unknown_name

LOSSES = ("proxy_anchor", "proxy_nca++", "soft_triple")
NCA_SCALE = 9.0  # of squared distances between unit vectors
CENTRES = 10


class ProxyLoss(nn.Module):
    """One of `LOSSES` and its proxies, freshly drawn.

    Args:
        name: of the loss.
        classes: number of classes, labels are 0..classes-1.
        dimension: D of the embeddings.

    Raises:
        UserError: there is no such loss, or the library is not installed.
    """

    def __init__(self, name: str, classes: int, dimension: int) -> None:
        super().__init__()
        with extra("retrieval"):
            from pytorch_metric_learning import losses
        if name == "proxy_anchor":
            self.loss = losses.ProxyAnchorLoss(classes, dimension)
        elif name == "proxy_nca++":
            self.loss = losses.ProxyNCALoss(classes, dimension, softmax_scale=NCA_SCALE)
        elif name == "soft_triple":
            self.loss = losses.SoftTripleLoss(classes, dimension, centers_per_class=CENTRES)
        else:
            raise UserError(unknown_name("proxy loss", name, LOSSES))
        self.classes = classes

    @property
    def proxies(self) -> Tensor:
        """(classes, centres, D) unit vectors."""
        columns = self.loss.fc.t() if hasattr(self.loss, "fc") else self.loss.proxies
        return functional.normalize(columns, dim=1).unflatten(0, (self.classes, -1))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """(B, D) embeddings and (B,) labels -> the loss, a scalar."""
        loss: Tensor = self.loss(embeddings, labels)
        return loss

    def nearest(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """(B, D): each item's proxy; of several centres of its class the one nearest to it."""
        own = self.proxies[labels]
        with torch.no_grad():
            best = (own @ embeddings[:, :, None]).squeeze(2).argmax(1)
        return own[torch.arange(len(own), device=own.device), best]
