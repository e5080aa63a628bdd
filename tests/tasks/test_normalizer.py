import numpy as np
import pytest
import torch

from nassay.tasks.normalizer import Normalizer, channel_statistics


def test_statistics_by_hand() -> None:
    x = np.array([[[[0, 255]], [[51, 51]]]], np.uint8)  # one image, two channels, 1x2 pixels
    mean, std = channel_statistics(x)
    assert mean == pytest.approx([0.5, 0.2])
    assert std == pytest.approx([0.5, 1.0])  # a constant channel is left unscaled


def test_statistics_of_floats_over_several_chunks_match_numpy() -> None:
    x = np.random.default_rng(0).normal(5, 3, (600, 2, 3, 4)).astype(np.float32)
    mean, std = channel_statistics(x)
    assert mean == pytest.approx(x.astype(np.float64).mean(axis=(0, 2, 3)))
    assert std == pytest.approx(x.astype(np.float64).std(axis=(0, 2, 3)))


def test_statistics_do_not_cancel_far_from_zero() -> None:
    x = (1e6 + np.array([0, 1, 0, 1], np.float32)).reshape(4, 1, 1, 1)
    assert channel_statistics(x)[1] == pytest.approx([0.5])


def test_the_module_standardises_each_channel_and_has_no_parameters() -> None:
    module = Normalizer([0.5, 0.0], [0.25, 2.0])
    out = module(torch.tensor([1.0, 1.0]).view(1, 2, 1, 1))
    assert out.flatten().tolist() == [2.0, 0.5]
    assert not list(module.parameters())
    assert set(module.state_dict()) == {"mean", "std"}
