import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from nassay.errors import UserError
from nassay.spaces.nb201 import NB201
from nassay.studies import probe_inputs as module
from nassay.studies.probe_inputs import images_path, probe_inputs


@pytest.fixture(autouse=True)
def forget():
    module._images.cache_clear()


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A NASSAY_DATA with 20 images of 4 x 4, whose red channel is the image's number."""
    x = np.random.default_rng(0).integers(0, 255, (20, 4, 4, 3)).astype(np.uint8)
    x[..., 0] = np.arange(20)[:, None, None]
    (tmp_path / "images").mkdir()
    np.savez(tmp_path / "images" / "cifar10_subset.npz", train_x=x, train_y=np.arange(20, dtype=np.uint8) % 10)
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    return x


def test_images_at_hand_are_shown_with_their_labels(images):
    found = probe_inputs(NB201((3, 4, 4), 10), 5, seed=0)
    assert found.source == "cifar10_subset"
    assert found.text == "5 training images of CIFAR-10 with their labels (cifar10_subset.npz)"
    assert found.batch.x.shape == (5, 3, 4, 4)
    # red is the image's number, 0..19, of mean 9.5 and variance (400 - 1) / 12 over images
    numbers = found.batch.x[:, 0, 0, 0] * np.sqrt(399 / 12 * 320 / 319) + 9.5
    np.testing.assert_allclose(numbers, numbers.round(), atol=1e-4)
    assert (numbers.round().long() % 10).tolist() == found.batch.y.tolist()


def test_another_resolution_is_said(images):
    found = probe_inputs(NB201((3, 2, 2), 10), 20, seed=0)
    assert found.batch.x.shape == (20, 3, 2, 2)
    assert found.text.endswith("resized to 2x2")
    red = found.batch.x[:, 0]  # constant within an image
    torch.testing.assert_close(red, red[:, :1, :1].expand_as(red))
    assert len(set(red[:, 0, 0].tolist())) == 20


def test_the_seed_chooses_the_images(images):
    draws = [probe_inputs(NB201((3, 4, 4), 10), 6, seed=seed).batch.y.tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_few_outputs_see_the_same_images_with_merged_labels(images):
    every, few = (probe_inputs(NB201((3, 4, 4), outputs), 8, seed=0) for outputs in (10, 3))
    assert torch.equal(every.batch.x, few.batch.x)
    assert few.batch.y.tolist() == [label % 3 for label in every.batch.y.tolist()]
    assert few.source == "cifar10_subset_modulo_3"
    assert few.text == "8 training images of CIFAR-10 with their labels modulo 3 (cifar10_subset.npz)"


def test_noise_where_the_images_do_not_fit(images):
    space = NB201((2, 4, 4), 10)
    found = probe_inputs(space, 4, seed=0)
    assert found.source == "noise"
    assert "no images at hand fit" in found.text
    assert found.batch.x.shape == (4, *space.input_shape)


def test_one_channel_sees_the_embedded_digits(monkeypatch):
    monkeypatch.delenv("NASSAY_DATA", raising=False)
    pixels, labels = load_digits(return_X_y=True)
    found = probe_inputs(NB201((1, 8, 8), 10), len(pixels), seed=0)
    assert (found.source, found.text) == ("digits", f"{len(pixels)} of scikit-learn's digits with their labels")
    assert abs(float(found.batch.x.mean())) < 1e-5
    assert float(found.batch.x.std()) == pytest.approx(1, abs=1e-3)
    assert np.bincount(found.batch.y).tolist() == np.bincount(labels).tolist()
    few = probe_inputs(NB201((1, 8, 8), 10), 16, seed=0)
    assert torch.equal(few.batch.x, found.batch.x[:16])
    merged = probe_inputs(NB201((1, 16, 16), 2), 8, seed=0)
    assert merged.text == "8 of scikit-learn's digits with their labels modulo 2, resized to 16x16"


def test_noise_where_there_are_no_images(monkeypatch, tmp_path):
    monkeypatch.delenv("NASSAY_DATA", raising=False)
    assert images_path() is None
    assert "no images at hand" in probe_inputs(NB201(), 4, seed=0).text
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    assert probe_inputs(NB201(), 4, seed=0).source == "noise"


def test_a_damaged_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cifar10_subset.npz").write_bytes(b"PK no archive")
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"cifar10_subset\.npz cannot be read"):
        probe_inputs(NB201(), 4, seed=0)


def test_global_random_state_is_left_alone(images):
    before = torch.get_rng_state()
    probe_inputs(NB201((3, 4, 4), 10), 5, seed=3)
    assert torch.equal(before, torch.get_rng_state())
