"""What tasks on images share, on a task that adds nothing of its own."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.tasks.base import Split
from nassay.tasks.image_task import ImageTask


class Bare(ImageTask):
    name = "bare"
    metric = "none"


class Other(Bare):
    name = "other"


Bare.__abstractmethods__ = Other.__abstractmethods__ = frozenset()  # loss, metric and the like matter to no rule here

STD = ((18**2 - 1) / 12) ** 0.5  # of 0, 1, ..., 17
SIZES = {"train": 3, "validation": 2, "test": 1}


def parts_of(dtype: type = np.uint8, shape: tuple[int, int, int] = (1, 2, 3)) -> dict[str, Split]:
    """Splits of 3, 2 and 1 items whose pixels count 0, 1, 2, ..."""
    per_item = int(np.prod(shape))
    arrays = {name: np.arange(n * per_item).reshape(n, *shape).astype(dtype) for name, n in SIZES.items()}
    return {name: Split(x, np.arange(len(x)) % 2) for name, x in arrays.items()}


def bare(kind: type[ImageTask] = Bare, parts: dict[str, Split] | None = None, **changes: Any) -> ImageTask:
    facts: dict[str, Any] = {"source": "mine", "seed": 7, "classes": ("a", "b"), "preprocessing": {"scale": 1.0}}
    return kind(parts or parts_of(), **{**facts, **changes})


def test_the_splits_are_those_given_and_the_test_split_is_behind_its_door() -> None:
    parts = parts_of()
    task = bare(parts=parts)
    found = (task.train, task.validation, task.open_test())
    assert all(a is b for a, b in zip(found, parts.values(), strict=True))
    assert (task.test_size, task.num_outputs, task.input_shape) == (1, 2, (1, 2, 3))


def test_the_fingerprint_is_a_hash_of_all_that_a_study_depends_on() -> None:
    digest = hashlib.sha256(b'["bare", 7, ["a", "b"]]')
    for part in parts_of().values():
        digest.update(f"{part.x.shape}uint8".encode() + part.x.tobytes())
        digest.update(f"{part.y.shape}int64".encode() + part.y.tobytes())
    assert bare().fingerprint() == digest.hexdigest()


def test_what_changes_the_fingerprint() -> None:
    other_type, same_bytes = parts_of(np.float32), parts_of(shape=(1, 3, 2))
    swapped = parts_of()
    swapped["validation"], swapped["test"] = swapped["test"], swapped["validation"]
    made = [bare(), bare(Other), bare(seed=8), bare(classes=("a", "c")), bare(more={"width": 3})]
    made += [bare(parts=parts) for parts in (other_type, same_bytes, swapped)]
    assert len({task.fingerprint() for task in made}) == 8


def test_what_does_not_change_the_fingerprint() -> None:
    parts = parts_of()
    columns = {name: Split(np.asfortranarray(part.x), part.y) for name, part in parts.items()}
    same = [bare(source="yours"), bare(notes=("said.",)), bare(more={}), bare(parts=columns)]
    assert {task.fingerprint() for task in same} == {bare().fingerprint()}
    assert bare(more={"a": 1, "b": 2}).fingerprint() == bare(more={"b": 2, "a": 1}).fingerprint()


def test_pixels_are_standardised_by_the_training_split() -> None:
    expected = (torch.arange(2) - 8.5) / STD
    for dtype in (np.uint8, np.float32):
        task = bare(parts=parts_of(dtype))
        x = torch.from_numpy(task.validation.x)
        assert task.prepare(x).flatten()[:2].allclose(expected)
        assert task.scaled(x).flatten()[1].item() == pytest.approx(1 / 255 if dtype is np.uint8 else 1.0)
    assert task.prepare(x.to("meta")).device.type == "meta"  # where the images are


def test_preprocessing_is_a_copy_with_the_statistics() -> None:
    task = bare(parts=parts_of(np.float32))
    found = task.preprocessing
    assert found == {"scale": 1.0, "mean": [8.5], "std": [pytest.approx(STD)]}
    found["mean"] = [0.0]
    assert task.preprocessing["mean"] == [8.5]


def test_a_saved_task_is_arrays_and_plain_facts(tmp_path: Path) -> None:
    bare(notes=("said.",), more={"width": 3}).save(tmp_path)
    arrays = {f"{axis}_{name}.npy" for axis in "xy" for name in SIZES}
    assert {path.name for path in tmp_path.iterdir()} == {"task.json", *arrays}
    facts = json.loads((tmp_path / "task.json").read_text())
    assert set(facts.pop("preprocessing")) == {"scale", "mean", "std"}
    said = {"source": "mine", "seed": 7, "classes": ["a", "b"], "notes": ["said."], "settings": {"width": 3}}
    assert facts == {"task": "bare", **said}
    loaded = Bare.load(tmp_path)
    assert (loaded.source, loaded.notes, loaded.settings) == ("mine", ("said.",), {"width": 3})


def test_a_task_saved_before_there_were_settings_has_none(tmp_path: Path) -> None:
    bare().save(tmp_path)
    path = tmp_path / "task.json"
    path.write_text(path.read_text().replace('"settings"', '"of old"'))
    assert Bare.load(tmp_path).settings == {}
    assert Bare.load(tmp_path).fingerprint() == bare().fingerprint()


def test_a_save_that_is_cut_short_leaves_no_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = np.save

    def full(path: Path, array: np.ndarray, **options: Any) -> None:
        if path.name == "y_test.npy":
            raise OSError("no space left")
        save(path, array, **options)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="no space"):
        bare().save(tmp_path)
    with pytest.raises(UserError, match="no complete saved task"):
        Bare.load(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "empty", "pickle", "json", "keys", "list", "kind"])
def test_damaged_and_foreign_folders_are_refused(tmp_path: Path, damage: str) -> None:
    bare(Other if damage == "kind" else Bare).save(tmp_path)
    path = tmp_path / "x_train.npy"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "pickle":
        np.save(path, np.array([{"code": "here"}]), allow_pickle=True)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage in (contents := {"json": '{"task": "ba', "keys": '{"task": "bare"}', "list": "[1]"}):
        (tmp_path / "task.json").write_text(contents[damage])
    with pytest.raises(UserError, match="another kind than bare" if damage == "kind" else "no complete saved task"):
        Bare.load(tmp_path)
