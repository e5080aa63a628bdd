"""Targets for Eproxy's regression: synthetic feature maps that know nothing of any task.

| feature | map of 8 x 8, one for each image and each of 512 channels |
|---|---|
| net | what a random, never trained convolutional network makes of the images (the authors' SiamGenerator) |
| wave_l, wave_m, wave_h | sin(2 pi (b1 row + b2 column) + phase), rows and columns from 1, b1 and b2 from a band |
| dot | -1 or +1 at random |

The authors' stored features are not public. `net` and `dot` follow their code; the waves follow the generator of GenNAS
(Li et al. 2021, arXiv:2108.01899), whose bands M and H are known; that of `wave_l` is inferred: it mirrors H.
Everything follows from the images alone, so that all architectures regress on the same target.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nassay.estimators.proxies.streams import derived_seed, generator

SIDE, CHANNELS = 8, 512
IMAGE_SIDE = 32  # what the random network sees; other images are resized
BANDS = {  # cycles per pixel of the 8 x 8 map
    "wave_l": tuple(0.0125 * k for k in range(10)),
    "wave_m": tuple(0.125 + 0.025 * k for k in range(10)),
    "wave_h": tuple(0.375 + 0.0125 * k for k in range(10)),
}
FEATURES = ("net", *BANDS, "dot")


def target(x: Tensor, features: Sequence[str], channels: int, level: float = 1.0) -> Tensor:
    """The sum of some features, times a level.

    Args:
        x: (B, C, H, W) images.
        features: names from `FEATURES`; none of them gives zeros.
        channels: the first so many of 512.
        level: factor on the sum.

    Returns:
        (B, channels, 8, 8), of x's type and device.
    """
    images = x.detach().float().cpu().contiguous()
    pixels, shape = images.numpy().tobytes(), tuple(images.shape)
    maps = [_maps(name, pixels, shape)[:, :channels] for name in features]
    total = torch.stack(maps).sum(0) if maps else torch.zeros(len(x), channels, SIDE, SIDE)
    return (level * total).to(x)


@lru_cache(maxsize=16)
def _maps(name: str, pixels: bytes, shape: tuple[int, int, int, int]) -> Tensor:
    """(B, 512, 8, 8) of one feature for images of this shape, given as their bytes; not to be changed."""
    seed = derived_seed("eproxy", name, blake2b(pixels, digest_size=16).hexdigest())
    if name == "net":
        return _network_features(torch.frombuffer(bytearray(pixels), dtype=torch.float32).view(shape), seed)
    size = (shape[0], CHANNELS, SIDE, SIDE)
    draw = generator(seed)
    if name == "dot":
        return torch.randint(2, size, generator=draw).float().mul_(2).sub_(1)
    return _waves(BANDS[name], shape[0], draw)


def _network_features(images: Tensor, seed: int) -> Tensor:
    """(B, C, H, W) images to (B, 512, 8, 8) features of a random network with batch statistics."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = nn.Sequential(
            _conv_bn_relu(images.shape[1], 64),
            nn.MaxPool2d(2),
            _conv_bn_relu(64, 128),
            nn.MaxPool2d(2),
            _conv_bn_relu(128, 256),
            _conv_bn_relu(256, 512),
            _conv_bn_relu(512, 1024),
            nn.Conv2d(1024, CHANNELS, 3, padding=1),
        )
        images = F.interpolate(images, (IMAGE_SIDE, IMAGE_SIDE), mode="area")
        features: Tensor = network(images)
        return features.contiguous()


def _conv_bn_relu(c_in: int, c_out: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU())


def _waves(band: Sequence[float], images: int, draw: torch.Generator) -> Tensor:
    """(images, 512, 8, 8) sinusoids; frequencies, phase and a flip of the rows drawn for each map."""
    size, betas = (images, CHANNELS), torch.tensor(band)
    b1, b2 = (betas[torch.randint(len(band), size, generator=draw)] for _ in range(2))
    flip = torch.randint(2, size, generator=draw) * 2 - 1
    phase = 2 * math.pi * torch.rand(size, generator=draw)
    position = torch.arange(1, SIDE + 1, dtype=torch.float32)
    rows = (b1 * flip)[..., None, None] * position[:, None]
    columns = b2[..., None, None] * position
    return torch.sin(2 * math.pi * (rows + columns) + phase[..., None, None])
