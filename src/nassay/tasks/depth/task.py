"""The task of naming the depth of every pixel of an image."""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.registry import unknown_name
from nassay.spaces.base import Head, Pyramid, Shape
from nassay.tasks.base import Illustration, Split, tasks
from nassay.tasks.depth.augment import augment_depth
from nassay.tasks.depth.data import DepthData
from nassay.tasks.depth.decoder import DepthHead
from nassay.tasks.depth.losses import LOSSES, sized
from nassay.tasks.depth.metrics import depth_metrics
from nassay.tasks.depth.pictures import comparison
from nassay.tasks.depth.sources import load_depth
from nassay.tasks.depth.splits import assign_splits
from nassay.tasks.image_data import SPLITS
from nassay.tasks.image_task import ImageTask

# Brings the gradient's norm to about 1, for which the one recipe of training is made: with a factor of 1 a network of
# 134,129 parameters (then with a VARIANCE_FOCUS of 0.85, too) learnt the embedded scene less well in 100 steps: delta1
# on it 0.69 instead of 0.87, one seed.
LOSS_WEIGHT = 3.0
LOOKED_AT = 256  # training images whose median depth and blind loss stand for all
SHOWN = 4  # items of a split that are drawn


@tasks.register("depth", metric="delta1")
class Depth(ImageTask):
    """Depth in metres for each pixel: scale-invariant log loss, delta1 (share of pixels within 25 %, 0..1).

    Args:
        data: images with depth; their own splits are used, missing ones drawn (`splits.assign_splits`).
        seed: of splits at random.
        split: "time", or "random" for frames that have no order.
        force: split at random though the frames are a sequence.
        loss: one of `losses.LOSSES`.

    Raises:
        UserError: the frames cannot be split, or there is no such loss.
    """

    name = "depth"
    metric = "delta1"
    output_names = ("depth",)

    def __init__(
        self,
        data: DepthData,
        *,
        seed: int = 0,
        split: str = "time",
        force: bool = False,
        loss: str = "scale_invariant_log",
    ) -> None:
        if loss not in LOSSES:
            raise UserError(unknown_name("loss of depth", loss, LOSSES))
        assigned, notes = assign_splits(data, rule=split, force=force, seed=seed)
        parts = {name: Split(data.x[assigned == name], data.depth[assigned == name]) for name in SPLITS}
        seen = parts["train"].y[:: max(1, len(parts["train"]) // LOOKED_AT)]
        typical = float(np.median(seen[seen > 0]))
        targets = torch.from_numpy(seen / np.float32(typical))
        blind = LOSS_WEIGHT * LOSSES[loss](torch.ones_like(targets), targets).item()
        more = {"loss": loss, "typical_m": typical, "blind_loss": blind}
        super().__init__(
            parts,
            source=data.name,
            seed=seed,
            classes=("depth",),
            notes=(*data.notes, *notes),
            preprocessing=dict(data.preprocessing),
            more=more,
        )

    @classmethod
    def from_source(cls, source: Any, *, seed: int, image_shape: Shape | None = None) -> Self:
        """The task of "stereo", a folder of pairs, an .npz archive or arrays, see `sources.load_depth`."""
        return cls(load_depth(source, image_shape=image_shape), seed=seed)

    @property
    def head(self) -> Head:
        """A light decoder over the trunk's feature maps."""
        input_shape, typical = self.input_shape, float(self.settings["typical_m"])

        def make(pyramid: Pyramid) -> nn.Module:
            return DepthHead(pyramid, input_shape, typical)

        return make

    def augment(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mirror and zoom images and depth together, change colours (`augment.augment_depth`)."""
        return augment_depth(x, y)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The chosen loss of (B, 1, H', W') metres, resized, against (B, H, W) metres with 0 for missing.

        Both are divided by the typical depth first, so that losses weigh the same whatever the distances.
        """
        typical = self.settings["typical_m"]
        prediction = sized(outputs, targets.shape[-2:])
        return LOSS_WEIGHT * LOSSES[self.settings["loss"]](prediction / typical, targets / typical)

    @property
    def blind_loss(self) -> float:
        """The loss of saying the median depth of the training images everywhere."""
        return float(self.settings["blind_loss"])

    def metric_of(self, outputs: Tensor, targets: Tensor) -> float:
        """Share of pixels, 0..1, whose depth is right within a factor of 1.25; NaN if an output is not finite."""
        return self.metrics_of(outputs, targets)["delta1"]

    def metrics_of(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """delta1, delta2, delta3, abs_rel, rmse (metres) and log10 (`metrics.depth_metrics`)."""
        return depth_metrics(outputs, targets)

    def deployed(self, network: nn.Module) -> nn.Module:
        """Scaled images (B, C, H, W) to depth (B, 1, H, W) in metres."""
        size = self.input_shape[1:]
        return nn.Sequential(self.normalizer(), network, nn.Upsample(size, mode="bilinear", align_corners=False))

    @property
    def output_words(self) -> str:
        """What an exported network puts out."""
        _, height, width = self.input_shape
        return (
            f"A network that estimates depth. `depth` is (batch, 1, {height}, {width}) float32: metres from the camera "
            "for each pixel of the input."
        )

    @property
    def reading(self) -> str:
        """Python that reads one depth map."""
        return 'print(f"depth from {depth[0, 0].min():.2f} to {depth[0, 0].max():.2f} m")'

    def illustrations(self, outputs: Tensor, split: Split) -> list[Illustration]:
        """A few images of a split, their depth and the network's, side by side with one colour scale for all."""
        chosen = np.unique(np.linspace(0, len(split) - 1, SHOWN).round().astype(int))
        targets = torch.from_numpy(np.array(split.y[chosen]))
        predictions = sized(outputs[torch.from_numpy(chosen)].float(), targets.shape[-2:])
        near, far = np.quantile(targets[targets > 0].numpy(), [0.02, 0.98])
        found = []
        for i, target, prediction in zip(chosen, targets, predictions, strict=True):
            scores = depth_metrics(prediction[None, None], target[None])
            png = comparison(np.array(split.x[i]), target.numpy(), prediction.numpy(), float(near), float(far))
            caption = (
                "The input, its measured depth (grey: none), the network's; "
                f"delta1 {scores['delta1']:.2f}, relative error {scores['abs_rel']:.2f}."
            )
            found.append(Illustration(caption, png))
        return found
