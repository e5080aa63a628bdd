import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.estimators.base import Fidelity
from nassay.estimators.training import Recipe, Training
from nassay.spaces.base import Pyramid
from nassay.tasks.image_data import ImageData
from nassay.tasks.retrieval import NIR, Retrieval
from nassay.tasks.retrieval.task import EmbeddingHead

TINY = NIR(blocks=1, width=8, depth=2, warmup_steps=3)


@pytest.fixture(scope="module")
def data() -> ImageData:
    """Eight classes of nine grey images, each noise around a pattern of its own."""
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(8), 9)
    x = rng.integers(0, 200, (8, 1, 8, 8))[y] + rng.integers(0, 50, (72, 1, 8, 8))
    return ImageData(x.astype(np.uint8), y, tuple("abcdefgh"), "patterns", notes=("read.",))


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(1, 8, 3, stride=2)
    return torch.nn.Sequential(convolution, torch.nn.ReLU(), EmbeddingHead(8, 16))


def test_splits_hold_every_image_and_share_no_class(data: ImageData) -> None:
    task = Retrieval(data, seed=1)
    parts = (task.train, task.validation, task.open_test())
    assert [len(part) for part in parts] == [36, 18, 18]
    assert [np.unique(part.y).tolist() for part in parts] == [[0, 1, 2, 3], [4, 5], [6, 7]]
    for part in parts:
        for image, label in zip(part.x, part.y, strict=True):
            (row,) = np.flatnonzero((data.x == image).all(axis=(1, 2, 3)))
            assert data.classes[data.y[row]] == task.classes[label]
    assert task.notes[0] == "read."
    assert "share no class" in task.notes[1]


@pytest.mark.parametrize(
    ("classes", "of_each", "items", "found"), [(20, 10, 50, [10] * 5), (20, 10, 45, [10] * 5), (2, 100, 50, [25, 25])]
)
def test_a_sample_holds_whole_classes(classes: int, of_each: int, items: int, found: list[int]) -> None:
    """Neighbours are of an item's class if only one class is there; of a large class, half of the items will do."""
    y = np.arange(3 * classes * of_each) // of_each
    x = np.arange(len(y), dtype=np.float32).reshape(-1, 1, 1, 1)
    split = np.repeat(["train", "validation", "test"], classes * of_each)
    names = tuple(map(str, range(3 * classes)))
    task = Retrieval(ImageData(x, y, names, "many", split=split))
    sample = task.validation_sample(items)
    labels, counts = np.unique(sample.y, return_counts=True)
    assert counts.tolist() == found
    assert classes == 2 or labels.tolist() != list(range(classes, classes + 5))
    assert (np.diff(sample.x[:, 0, 0, 0]) > 0).all()


def test_settings_make_another_task(data: ImageData) -> None:
    made = [
        Retrieval(data),
        Retrieval(data, seed=1),
        Retrieval(data, dimension=32),
        Retrieval(data, loss="soft_triple"),
        Retrieval(data, nir=TINY),
    ]
    assert len({task.fingerprint() for task in made}) == len(made)


def test_a_loaded_task_has_the_same_criterion(data: ImageData, tmp_path: Path) -> None:
    task = Retrieval(data, dimension=16, nir=TINY)
    task.save(tmp_path)
    loaded = Retrieval.load(tmp_path)
    assert loaded.num_outputs == 16
    assert loaded.fingerprint() == task.fingerprint()
    assert loaded.blind_loss == task.blind_loss
    assert [p.shape for p in loaded.criterion().parameters()] == [p.shape for p in task.criterion().parameters()]


def test_the_head_puts_out_unit_vectors(data: ImageData) -> None:
    head = Retrieval(data, dimension=16).head(Pyramid(((4, 8, 8), (12, 3, 3))))
    embedding = head(torch.randn(5, 12, 3, 3))
    assert embedding.shape == (5, 16)
    assert embedding.norm(dim=1).allclose(torch.ones(5))


def test_the_loss_of_an_untrained_network_is_one_number(data: ImageData) -> None:
    task = Retrieval(data, dimension=16, nir=TINY)
    outputs = torch.nn.functional.normalize(torch.randn(8, 16), dim=1)
    targets = torch.arange(8) % 4
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = task.loss(outputs, targets)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, Retrieval(data, dimension=16).loss(outputs, targets))


def test_the_blind_loss_is_near_that_of_random_embeddings(data: ImageData) -> None:
    for nir in (None, TINY):
        task = Retrieval(data, dimension=16, nir=nir)
        torch.manual_seed(3)
        outputs = torch.nn.functional.normalize(torch.randn(64, 16), dim=1)
        loss = task.criterion().eval()(outputs, torch.arange(64) % 4).item()
        assert task.blind_loss == pytest.approx(loss, rel=0.5)


def test_recall_at_1_is_the_metric(data: ImageData) -> None:
    task = Retrieval(data)
    x = torch.eye(2).repeat(6, 1)
    x[0, 0] += 1e-3
    y = torch.arange(12) % 2
    y[-1] = 0  # among those of class 1, all of whom are equal to it
    found = task.metrics_of(x, y)
    assert list(found) == ["recall_at_1", "recall_at_2", "recall_at_4", "recall_at_8", "map_at_r", "nmi"]
    assert found[task.metric] == task.metric_of(x, y)
    x[3, 1] = math.inf
    assert math.isnan(task.metric_of(x, y))


@pytest.mark.parametrize("nir", [None, TINY])
def test_a_training_teaches_network_and_criterion(data: ImageData, nir: NIR | None) -> None:
    task = Retrieval(data, dimension=16, nir=nir)
    training = Training(network(), task, recipe=Recipe(learning_rate=0.05))
    before = [p.detach().clone() for p in training.criterion.parameters()]
    found = training.run(Fidelity(epochs=3))
    assert found.value is not None
    assert found.value >= 0.5
    assert all(not torch.equal(p, q) for p, q in zip(training.criterion.parameters(), before, strict=True))


def test_a_resumed_training_keeps_proxies_flow_and_warm_up(data: ImageData, tmp_path: Path) -> None:
    task = Retrieval(data, dimension=16, nir=TINY)
    whole = Training(network(), task)
    whole.run(Fidelity(epochs=2))
    first = Training(network(), task, checkpoint=tmp_path / "state.pt")
    first.run(Fidelity(epochs=1))
    second = Training(network(), task, checkpoint=tmp_path / "state.pt")
    second.run(Fidelity(epochs=2))
    for a, b in ((whole.network, second.network), (whole.criterion, second.criterion)):
        states = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
        assert all(torch.equal(x, y) for x, y in states)


def test_an_export_is_the_embedding_alone(data: ImageData) -> None:
    task = Retrieval(data, dimension=16, nir=TINY)
    made = network()
    deployed = task.deployed(made)
    assert {id(p) for p in deployed.parameters()} == {id(p) for p in made.parameters()}
    x = torch.from_numpy(task.validation.x[:3])
    assert torch.allclose(deployed(task.scaled(x)), made(task.prepare(x)))
    assert task.output_names == ("embedding",)
    embedding = deployed(task.scaled(x)).detach().numpy()
    exec(task.reading, {"embedding": embedding, "classes": task.classes})


@pytest.mark.parametrize("library", ["pytorch_metric_learning", "zuko.lazy"])
def test_a_missing_library_is_named(data: ImageData, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UserError, match=r"nassay\[retrieval\]"):
        Retrieval(data, nir=TINY).criterion()


def test_few_classes_and_unknown_losses_are_refused(data: ImageData) -> None:
    few = ImageData(data.x[data.y < 5], data.y[data.y < 5], data.classes[:5], "few")
    with pytest.raises(UserError, match="at least two classes each"):
        Retrieval(few)
    with pytest.raises(UserError, match="Did you mean"):
        Retrieval(data, loss="soft_tripel")
    with pytest.raises(UserError, match="no file or folder"):
        Retrieval.from_source("nowhere", seed=0)
