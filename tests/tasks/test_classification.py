import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.tasks.base import task_from
from nassay.tasks.classification import Classification
from nassay.tasks.image_data import ImageData


@pytest.fixture
def data() -> ImageData:
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (40, 3, 6, 5), dtype=np.uint8)
    return ImageData(x, np.arange(40) % 4, ("a", "b", "c", "d"), "mine", notes=("read.",))


def test_the_splits_partition_the_images(data: ImageData) -> None:
    task = Classification(data, seed=1)
    parts = (task.train, task.validation, task.open_test())
    assert [len(part) for part in parts] == [24, 8, 8]  # of 10 in each class: 2 test, then round(1.6) validation
    pixels = np.concatenate([part.x for part in parts]).reshape(40, -1)
    assert sorted(map(tuple, pixels)) == sorted(map(tuple, data.x.reshape(40, -1)))
    assert task.input_shape == (3, 6, 5)
    assert task.num_outputs == 4
    assert task.notes == (
        "read.",
        "Splits: 24 train, 8 validation, 8 test (test and validation drawn by class with seed 1).",
    )


def test_a_sample_of_images_that_lie_class_after_class_has_all_classes() -> None:
    """The first 32 of 4 x 32 images are of one class; 32 drawn ones have about eight of each."""
    x = np.arange(800, dtype=np.float32).reshape(800, 1, 1, 1)
    task = Classification(ImageData(x, np.arange(800) // 200, ("a", "b", "c", "d"), "mine"))
    assert np.bincount(task.validation.y[:32]).tolist() == [32]
    found = np.bincount(task.validation_sample(32).y, minlength=4)
    assert found.sum() == 32
    assert found.min() >= 3


def test_prepared_training_images_are_standardised_by_channel(data: ImageData) -> None:
    task = Classification(data)
    prepared = task.prepare(torch.from_numpy(task.train.x))
    assert prepared.dtype == torch.float32
    assert prepared.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert prepared.std(dim=(0, 2, 3), correction=0).sub(1).abs().max() < 1e-5


def test_the_statistics_come_from_train_alone(data: ImageData) -> None:
    task = Classification(data)
    scaled = task.train.x.astype(np.float64) / 255
    assert task.preprocessing["mean"] == pytest.approx(scaled.mean(axis=(0, 2, 3)))
    assert task.preprocessing["std"] == pytest.approx(scaled.std(axis=(0, 2, 3)))


def test_prepare_is_the_scale_and_the_normalizer(data: ImageData) -> None:
    task = Classification(data)
    x = torch.from_numpy(task.validation.x)
    expected = task.normalizer()(x / 255)
    assert torch.allclose(task.prepare(x), expected, atol=1e-6)
    assert torch.equal(task.prepare(x), task.prepare(x.float()))  # bytes given as floats are bytes


def test_float_images_are_not_scaled() -> None:
    x = (np.arange(12, dtype=np.float32) * 1000).reshape(12, 1, 1, 1)
    task = Classification(ImageData(x, np.arange(12) % 2, ("a", "b"), "mine"))
    assert task.preprocessing["scale"] == 1.0
    assert task.preprocessing["mean"] == pytest.approx([task.train.x.mean()])
    assert task.prepare(torch.from_numpy(task.train.x)).std(correction=0).item() == pytest.approx(1.0)


def test_preprocessing_is_json_ready(data: ImageData) -> None:
    facts = json.loads(json.dumps(Classification(data).preprocessing))
    expected = {"mode", "channels", "height", "width", "resize", "layout", "dtype", "scale", "mean", "std"}
    assert set(facts) == expected


def test_loss_by_hand(data: ImageData) -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    log_norm = math.log(math.exp(2) + 3)
    # label smoothing 0.1: 0.9 on the target and 0.1 / 4 on every class
    expected = 0.9 * (log_norm - 2) + 0.025 * ((log_norm - 2) + 3 * log_norm)
    assert Classification(data).loss(logits, torch.tensor([0])).item() == pytest.approx(expected)


def test_accuracy_by_hand(data: ImageData) -> None:
    task = Classification(data)
    logits = torch.eye(4)[[0, 1, 2, 3]]
    assert task.metric_of(logits, torch.tensor([0, 1, 3, 3])) == 0.75
    logits[0, 0] = math.nan
    assert math.isnan(task.metric_of(logits, torch.tensor([0, 1, 3, 3])))


def test_the_fingerprint_follows_data_labels_names_and_seed(data: ImageData) -> None:
    def changed(**fields: object) -> str:
        values = {"x": data.x, "y": data.y, "classes": data.classes, "name": data.name, **fields}
        return Classification(ImageData(**values)).fingerprint()  # type: ignore[arg-type]

    x = data.x.copy()
    x[0, 0, 0, 0] ^= 1
    prints = {
        Classification(data).fingerprint(),
        Classification(data, seed=1).fingerprint(),
        changed(x=x),
        changed(y=np.roll(data.y, 1)),
        changed(classes=("a", "b", "c", "e")),
    }
    assert len(prints) == 5
    assert Classification(data).fingerprint() == Classification(data).fingerprint()


def test_a_loaded_task_is_the_saved_one_and_memory_mapped(data: ImageData, tmp_path: Path) -> None:
    task = Classification(data, seed=3)
    task.save(tmp_path / "deep" / "task")
    loaded = Classification.load(tmp_path / "deep" / "task")
    assert isinstance(loaded.train.x, np.memmap)
    assert not loaded.train.x.flags.writeable
    assert loaded.fingerprint() == task.fingerprint()
    assert (loaded.classes, loaded.notes, loaded.seed) == (task.classes, task.notes, 3)
    assert loaded.preprocessing == task.preprocessing
    assert np.array_equal(loaded.open_test().x, task.open_test().x)


def test_an_incomplete_or_foreign_folder_is_refused(data: ImageData, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no complete saved task"):
        Classification.load(tmp_path)
    Classification(data).save(tmp_path)
    (tmp_path / "y_test.npy").unlink()
    with pytest.raises(UserError, match="no complete saved task"):
        Classification.load(tmp_path)
    Classification(data).save(tmp_path)
    facts = json.loads((tmp_path / "task.json").read_text())
    (tmp_path / "task.json").write_text(json.dumps({**facts, "task": "detection"}))
    with pytest.raises(UserError, match="another kind"):
        Classification.load(tmp_path)


def test_task_from_takes_a_source_or_a_task(data: ImageData) -> None:
    task = task_from(data, seed=2)
    assert task.fingerprint() == Classification(data, seed=2).fingerprint()
    assert task_from(task, seed=9) is task
    assert task_from("digits", seed=0, image_shape=(3, 16, 16)).input_shape == (3, 16, 16)
