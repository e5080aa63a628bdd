import math

import pytest
import torch

from nassay.estimators.proxies.eproxy_targets import BANDS, FEATURES, target

IMAGES = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", FEATURES)
def test_shape_and_repetition(name: str) -> None:
    first = target(IMAGES, [name], 16)
    assert first.shape == (3, 16, 8, 8)
    assert torch.equal(first, target(IMAGES.clone(), [name], 16))
    assert torch.equal(first, target(IMAGES, [name], 32)[:, :16])
    assert not torch.equal(first, target(IMAGES + 1e-3, [name], 16))


def test_features_add_up_and_the_level_multiplies() -> None:
    dot, wave = target(IMAGES, ["dot"], 4), target(IMAGES, ["wave_h"], 4)
    assert torch.allclose(target(IMAGES, ["dot", "wave_h"], 4, 1.5), 1.5 * (dot + wave))
    assert torch.equal(target(IMAGES, [], 4), torch.zeros(3, 4, 8, 8))


def test_dots_are_fair_signs() -> None:
    dots = target(IMAGES, ["dot"], 512)
    assert set(dots.unique().tolist()) == {-1.0, 1.0}
    assert abs(float(dots.mean())) < 5 / math.sqrt(dots.numel())


@pytest.mark.parametrize("name", BANDS)
def test_waves_have_the_band_s_frequencies(name: str) -> None:
    """sin(a (i + 1) + p) + sin(a (i - 1) + p) = 2 cos(a) sin(a i + p), along rows and along columns."""
    waves = target(IMAGES, [name], 64).double()
    allowed = torch.tensor([math.cos(2 * math.pi * b) for b in BANDS[name]]).double()
    for x in (waves, waves.transpose(2, 3)):
        middle = x[:, :, 1:-1]
        cosine = ((x[:, :, 2:] + x[:, :, :-2]) * middle).sum((2, 3)) / (2 * middle**2).sum((2, 3))
        assert (cosine[..., None] - allowed).abs().min(-1).values.max() < 1e-4
    assert waves.abs().max() <= 1


def test_the_random_network_sees_images_of_any_size_and_number_of_channels() -> None:
    assert target(torch.randn(2, 1, 20, 12), ["net"], 8).shape == (2, 8, 8, 8)


def test_the_random_network_s_features_belong_to_their_image() -> None:
    twins = torch.cat([IMAGES[:1], IMAGES[:1], IMAGES[1:2]])
    features = target(twins, ["net"], 8)
    assert torch.allclose(features[0], features[1], atol=1e-5)
    assert not torch.allclose(features[0], features[2], atol=1e-2)


def test_global_random_state_is_left_alone() -> None:
    state = torch.get_rng_state()
    for name in FEATURES:
        target(torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(5)), [name], 2)
    assert torch.equal(torch.get_rng_state(), state)
