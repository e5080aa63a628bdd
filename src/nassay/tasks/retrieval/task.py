"""The task of embedding images so that those of one class are neighbours, also for classes never trained on."""

from dataclasses import asdict
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nassay.extras import extra
from nassay.spaces.base import Head, Pyramid, Shape
from nassay.tasks.augment import augment_images
from nassay.tasks.base import Criterion, Illustration, Split, tasks
from nassay.tasks.image_data import SPLITS, ImageData
from nassay.tasks.image_task import ImageTask
from nassay.tasks.images import load_images
from nassay.tasks.retrieval.illustrations import neighbours_picture
from nassay.tasks.retrieval.nir import NIR, RetrievalCriterion
from nassay.tasks.retrieval.proxy_losses import ProxyLoss
from nassay.tasks.retrieval.splits import split_classes

DIMENSION = 64
BLIND_BATCH = 64


class EmbeddingHead(nn.Sequential):
    """Global average pooling and a linear layer to unit length: (B, C, H, W) -> (B, dimension)."""

    def __init__(self, channels: int, dimension: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(channels, dimension))

    def forward(self, x: Tensor) -> Tensor:
        """The embeddings of feature maps."""
        return functional.normalize(super().forward(x), dim=1)


@tasks.register("retrieval", metric="recall_at_1")
class Retrieval(ImageTask):
    """Nearest neighbours of the same class: a proxy loss on embeddings, Recall@1 on classes that are not trained on.

    Classes are in the order of train, validation and test, so that the labels of train are 0, 1, ...

    Args:
        data: labelled images; splits share no class (`splits.split_classes`).
        seed: of the drawn splits.
        dimension: of the embedding.
        loss: a proxy loss, see `proxy_losses`.
        nir: settings of the non-isotropy regularisation, or None to do without.
        proxy_rate: factor on the network's learning rate, for the proxies.

    Raises:
        UserError: too few classes or images, an unknown loss, or pytorch-metric-learning is not installed.
    """

    name = "retrieval"
    metric = "recall_at_1"
    share_of_items = True
    output_names = ("embedding",)

    def __init__(
        self,
        data: ImageData,
        *,
        seed: int = 0,
        dimension: int = DIMENSION,
        loss: str = "proxy_anchor",
        nir: NIR | None = None,
        proxy_rate: float = 16.0,
    ) -> None:
        part, notes = split_classes(data.y, data.split, data.classes, seed=seed)
        order = np.concatenate([np.flatnonzero(part == name) for name in SPLITS])
        y, split = np.argsort(order)[data.y], part[data.y]
        settings = {
            "dimension": dimension,
            "loss": loss,
            "nir": None if nir is None else asdict(nir),
            "proxy_rate": proxy_rate,
            "trained_classes": int((part == "train").sum()),
        }
        super().__init__(
            {name: Split(data.x[split == name], y[split == name]) for name in SPLITS},
            source=data.name,
            seed=seed,
            classes=tuple(data.classes[i] for i in order),
            notes=(*data.notes, *notes),
            preprocessing=data.preprocessing,
            more=settings,
        )
        _ = self._untrained  # an unknown loss or a missing library is said now

    @classmethod
    def from_source(cls, source: Any, *, seed: int, image_shape: Shape | None = None) -> Self:
        """The task of whatever `load_images` takes: a data set's name, a path, arrays, a torch Dataset, ImageData."""
        return cls(load_images(source, image_shape=image_shape), seed=seed)

    def _sampled(self, generator: np.random.Generator, items: int) -> np.ndarray:
        """Classes in random order until there are enough items, for neighbours are looked for among all of a class.

        Of a class at most half of the items are taken, so that there are two classes at least.
        """
        labels = np.asarray(self.validation.y)
        mixed = generator.permutation(len(labels))
        rows = np.empty(0, dtype=np.int64)
        for label in generator.permutation(np.unique(labels)):
            rows = np.concatenate([rows, mixed[labels[mixed] == label][: max(2, items // 2)]])
            if len(rows) >= items:
                break
        return rows

    @property
    def num_outputs(self) -> int:
        """Dimension of the embedding."""
        return int(self.settings["dimension"])

    @property
    def head(self) -> Head:
        """Makes the embedding's head on the trunk's map."""
        dimension = self.num_outputs

        def make(pyramid: Pyramid) -> nn.Module:
            return EmbeddingHead(pyramid.shapes[-1][0], dimension)

        return make

    def augment(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Shift, mirror, erase prepared images, as suits their size (`augment.augment_images`)."""
        return augment_images(x), y

    def _fresh(self, nir: NIR | None) -> RetrievalCriterion:
        """A criterion that has learnt nothing, drawn from torch's global generator."""
        settings = self.settings
        proxies = ProxyLoss(settings["loss"], settings["trained_classes"], self.num_outputs)
        return RetrievalCriterion(proxies, self.num_outputs, nir, proxy_rate=settings["proxy_rate"])

    def criterion(self) -> Criterion:
        """The proxy loss, its proxies to be learnt, with NIR's flow if there is one."""
        nir = self.settings["nir"]
        return self._fresh(None if nir is None else NIR(**nir))

    @cached_property
    def _untrained(self) -> Criterion:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self._fresh(nir=None).requires_grad_(False)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The proxy loss with proxies that have learnt nothing: what can be said of an untrained network."""
        loss: Tensor = self._untrained.to(outputs.device)(outputs, targets)
        return loss

    @cached_property
    def blind_loss(self) -> float:
        """The training loss, nothing learnt, of a batch of random embeddings."""
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(self.seed)
            embeddings = functional.normalize(torch.randn(BLIND_BATCH, self.num_outputs), dim=1)
            labels = torch.arange(BLIND_BATCH) % self.settings["trained_classes"]
            return float(self.criterion().eval()(embeddings, labels))

    def metric_of(self, outputs: Tensor, targets: Tensor) -> float:
        """Recall@1, 0..1: the share of items whose nearest neighbour is of their class; NaN if not finite."""
        found: float = _metrics().recall_at_1(outputs, targets)
        return found

    def metrics_of(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Recall@1, 2, 4 and 8, mAP@R and NMI, each 0..1 (`metrics`)."""
        found: dict[str, float] = _metrics().retrieval_metrics(outputs, targets)
        return found

    @property
    def output_words(self) -> str:
        """What the embedding is."""
        return (
            f"An embedding of images in {self.num_outputs} dimensions, of unit length: images of one class are near "
            "each other, also of classes that it was not trained on. Output: embedding, (batch, dimensions); the "
            "similarity of two images is the dot product."
        )

    @property
    def reading(self) -> str:
        """The similarity of each image to each."""
        return "print(embedding @ embedding.T)"

    def illustrations(self, outputs: Tensor, split: Split) -> list[Illustration]:
        """Some queries and their nearest neighbours."""
        return [neighbours_picture(outputs, split)]


def _metrics() -> Any:
    """The module of metrics, whose import needs the library and takes a moment."""
    with extra("retrieval"):
        from nassay.tasks.retrieval import metrics
    return metrics
