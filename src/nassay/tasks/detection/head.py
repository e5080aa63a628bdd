"""A compact anchor-free detector head: a plain feature pyramid, two towers shared by its levels, a box for each point.

After FCOS (Tian et al. 2019, arXiv:1904.01355) and GFL (Li et al. 2020, arXiv:2006.04388): each point of each map
predicts the distances to the four sides of one box, and for each class how well that box fits an object of it; there
is no output for centre-ness or quality beside the class scores. It is small, 6,000 parameters and the laterals for 10
classes, so that the searched backbone matters.

The outputs are one tensor (B, points, 7 + classes), the points of the finest map first, row by row: the point (x, y),
its stride (the square root of its cell's area), the box (x1, y1, x2, y2), and a logit for each class. Coordinates are
fractions of the image's width and height, so that loss and metric know nothing of the resolution.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from nassay.spaces.base import Pyramid, Shape
from nassay.spaces.network import PyramidHead

CHANNELS = 32
GROUPS = 8
POINT, STRIDE, BOX, FIRST_LOGIT = slice(0, 2), 2, slice(3, 7), 7
PRIOR_CELLS = 4.0  # side of the box that a point predicts at first, in cells: the size of the objects it is given
PRIOR_SCORE = 0.01  # of every class at first (focal loss, Lin et al. 2017, arXiv:1708.02002)
MOST_LOG = 4.0
FINEST_STRIDE = 4
SMALL_SIDE, LARGE_SIDE = 8, 48  # points


class DetectorHead(PyramidHead):
    """Maps of several sizes -> (B, points, 7 + classes), as the module says.

    Args:
        pyramid: shapes of the maps; where a neck has mixed them already all are used as they are, else those that
            `levels` chooses, after laterals and a top-down path (FPN, Lin et al. 2017, arXiv:1612.03144).
        classes: number of classes.
        input_size: (height, width) of the images in pixels.
    """

    def __init__(self, pyramid: Pyramid, classes: int, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.skipped = 0 if pyramid.fused else levels(pyramid.shapes, input_size)
        inputs = [shape[0] for shape in pyramid.shapes[self.skipped :]]
        self.neck = None if pyramid.fused else TopDown(inputs, CHANNELS)
        c_in = inputs[0] if pyramid.fused else CHANNELS
        self.class_tower = _tower(c_in, classes)
        self.box_tower = _tower(c_in, 4)
        _start(self.class_tower[-1], bias=-math.log(1 / PRIOR_SCORE - 1))
        _start(self.box_tower[-1], bias=0.0)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Maps (B, C, H, W), finest first -> (B, points, 7 + classes)."""
        used = maps[self.skipped :]
        if self.neck is not None:
            used = self.neck(used)
        return torch.cat([outputs_of(self.box_tower(m), self.class_tower(m)) for m in used], dim=1)


class TopDown(nn.Module):
    """A feature pyramid: 1x1 laterals, and each level plus the coarser one scaled up (nearest).

    Args:
        inputs: channels of the maps, finest first.
        channels: of all maps that come out, in the same sizes.
    """

    def __init__(self, inputs: list[int], channels: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList([nn.Conv2d(c, channels, 1) for c in inputs])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """[(B, C_l, H_l, W_l)] -> [(B, channels, H_l, W_l)]."""
        *finer, coarsest = [lateral(m) for lateral, m in zip(self.laterals, maps, strict=True)]
        mixed = [coarsest]
        for m in reversed(finer):
            size = (int(m.shape[-2]), int(m.shape[-1]))
            mixed.insert(0, m + functional.interpolate(mixed[0], size, mode="nearest"))
        return mixed


def levels(shapes: tuple[Shape, ...], input_size: tuple[int, int]) -> int:
    """How many of the finest maps the head leaves out.

    The first that it uses has at most 48 points along its longer side, and cells of at least 4 pixels unless it has
    at most 8 points along its longer side: 64x64 images begin at stride 4, 8x8 images at stride 1, 320x240 at stride 8.
    The coarsest map is used in any case.
    """
    for i, (_, height, width) in enumerate(shapes):
        points = max(height, width)
        stride = max(input_size) / points
        if points <= SMALL_SIDE or (points <= LARGE_SIDE and stride >= FINEST_STRIDE):
            return i
    return len(shapes) - 1


def outputs_of(distances: Tensor, logits: Tensor) -> Tensor:
    """What the head puts out for one level.

    Args:
        distances: (B, 4, H, W), logarithms of the distances from the point to the box's left, top, right and bottom
            side, in units of two cells.
        logits: (B, classes, H, W).

    Returns:
        (B, H * W, 7 + classes), columns as the module says.
    """
    batch, height, width = logits.shape[0], int(logits.shape[-2]), int(logits.shape[-1])
    points = grid(height, width, logits.device)
    x, y, _ = points.unbind(dim=-1)
    left, top, right, bottom = (distances.clamp(max=MOST_LOG).exp() * (PRIOR_CELLS / 2)).flatten(2).unbind(dim=1)
    sides = (x - left / width, y - top / height, x + right / width, y + bottom / height)
    boxes = torch.stack(sides, dim=-1)
    return torch.cat([points.expand(batch, -1, -1), boxes, logits.flatten(2).transpose(1, 2)], dim=-1)


def grid(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """(height * width, 3): centre (x, y) and stride of a map's cells, as fractions, row by row."""
    y = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) / height
    x = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) / width
    ys, xs = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([xs, ys, torch.full_like(xs, (height * width) ** -0.5)], dim=-1).flatten(0, 1)


def blind_outputs(items: int, classes: int, input_size: tuple[int, int]) -> Tensor:
    """What a head puts out that has learnt nothing: (items, points, 7 + classes) of maps of stride 4, 8, 16, ..."""
    sizes = [tuple(-(-side // FINEST_STRIDE) for side in input_size)]
    while min(sizes[-1]) > 2:
        sizes.append(tuple(-(-side // 2) for side in sizes[-1]))
    logit = -math.log(1 / PRIOR_SCORE - 1)
    found = [outputs_of(torch.zeros(items, 4, *s), torch.full((items, classes, *s), logit)) for s in sizes]
    return torch.cat(found, dim=1)


def _tower(channels: int, outputs: int) -> nn.Sequential:
    """Two depthwise separable 3x3 convolutions with group norm and ReLU, then 1x1."""
    layers: list[nn.Module] = []
    for c_in in (channels, CHANNELS):
        layers.append(nn.Conv2d(c_in, c_in, 3, padding=1, groups=c_in, bias=False))
        layers += [nn.Conv2d(c_in, CHANNELS, 1, bias=False), nn.GroupNorm(GROUPS, CHANNELS), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(CHANNELS, outputs, 1))


def _start(layer: nn.Module, bias: float) -> None:
    """Weights near 0, so that all points begin with the same outputs."""
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.constant_(layer.bias, bias)
