import json
import math
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from nassay.exports import ExportMismatchError, bundle, export_best
from nassay.tasks.base import largest_difference

CLASSES = ["ant", "bee", "Käfer"]
FILES = ["README.md", "architecture.json", "model.onnx", "model.pt2", "model.safetensors"]


class Halve(nn.Module):
    """A normaliser with a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))

    def forward(self, x):
        return (x - self.mean) / 0.5


def build(width=4):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 3),
    )


TASK = SimpleNamespace(
    name="classification",
    input_shape=(3, 8, 6),
    preprocessing={"mode": "RGB", "resize": "bilinear", "scale": 1 / 255, "mean": [0.5], "std": [0.5]},
    classes=CLASSES,
    output_names=("logits",),
    output_words="A classifier.",
    reading="print([classes[i] for i in logits.argmax(1)])",
    deployed=lambda network: nn.Sequential(Halve(), network),
    difference=largest_difference,
)


def export(folder, network, **changes):
    settings = {
        "task": TASK,
        "sample": torch.linspace(0, 1, 4 * 3 * 8 * 6).reshape(4, 3, 8, 6),
        "architecture": {"space": "test", "choices": [1, 2]},
        "metrics": {"accuracy": 0.75},
        "rebuild": build,
    }
    return export_best(folder, network, **(settings | changes))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network, its export, and the modes that it had."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    network = build().train()
    return network, export(folder, network)


def deployed(network):
    return nn.Sequential(Halve(), network).eval()


def test_the_report_lists_the_files_and_their_differences(exported):
    _, report = exported
    assert sorted(report.file_bytes) == FILES
    assert all(size > 0 for size in report.file_bytes.values())
    assert sorted(report.differences) == ["onnx", "pt2", "safetensors"]
    assert max(report.differences.values()) <= bundle.TOLERANCE
    assert sorted(f.name for f in report.folder.iterdir()) == FILES
    assert [f.name for f in report.folder.parent.iterdir()] == ["best"]


def test_every_format_computes_the_same(exported):
    network, report = exported
    images = torch.rand(3, 3, 8, 6)
    expected = deployed(network)(images).detach().numpy()
    session = onnxruntime.InferenceSession(report.folder / "model.onnx", providers=["CPUExecutionProvider"])
    program = torch.export.load(report.folder / "model.pt2").module()
    fresh = nn.Sequential(Halve(), build()).eval()
    fresh.load_state_dict(load_file(report.folder / "model.safetensors"))
    for found in (session.run(["logits"], {"images": images.numpy()})[0], program(images), fresh(images)):
        np.testing.assert_allclose(np.asarray(torch.as_tensor(found).detach()), expected, atol=1e-5)
    network.train()


def test_architecture_json_says_what_it_is(exported):
    _, report = exported
    facts = json.loads((report.folder / "architecture.json").read_text("utf-8"))
    assert facts["classes"] == CLASSES
    assert facts["input_shape"] == [3, 8, 6]
    assert facts["architecture"] == {"space": "test", "choices": [1, 2]}
    assert facts["metrics"] == {"accuracy": 0.75}
    assert sorted(facts["preprocessing"]) == ["mode", "resize", "scale"]


def test_several_outputs_have_their_names(tmp_path):
    class Two(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            scores = self.network(x)
            return scores.softmax(1), scores.argmax(1)

    names = {"deployed": Two, "output_names": ("scores", "label"), "reading": "print(label.tolist())"}
    torch.manual_seed(0)
    report = export(tmp_path, build(), task=SimpleNamespace(**(vars(TASK) | names)))
    session = onnxruntime.InferenceSession(report.folder / "model.onnx", providers=["CPUExecutionProvider"])
    scores, label = session.run(["scores", "label"], {"images": np.ones((2, 3, 8, 6), np.float32)})
    assert scores.shape == (2, 3)
    assert label.tolist() == scores.argmax(1).tolist()
    text = (report.folder / "README.md").read_text("utf-8")
    assert "scores, label = session.run(['scores', 'label']" in text
    assert "scores, label = network(" in text


def test_the_onnx_file_carries_classes_and_preprocessing(exported):
    _, report = exported
    session = onnxruntime.InferenceSession(report.folder / "model.onnx", providers=["CPUExecutionProvider"])
    metadata = {k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items()}
    assert metadata == json.loads((report.folder / "architecture.json").read_text("utf-8"))


def test_the_readme_runs_without_nassay(exported):
    network, report = exported
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(report.folder / "image.png")
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    expected = [CLASSES[deployed(network)(images).argmax().item()]]
    snippets = re.findall(r"```python\n(.*?)```", (report.folder / "README.md").read_text("utf-8"), re.DOTALL)
    for snippet in snippets[:2]:  # the third one trains on with nassay
        code = "import sys; sys.modules['nassay'] = None\n" + snippet
        done = subprocess.run(
            [sys.executable, "-I", "-X", "utf8", "-c", code],
            cwd=report.folder, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(expected)
    (report.folder / "image.png").unlink()
    network.train()


def test_network_and_random_state_are_left_alone(exported, tmp_path):
    network, _ = exported
    before = {k: v.clone() for k, v in network.state_dict().items()}
    state = torch.get_rng_state()
    export(tmp_path, network, sample=torch.zeros(1, 3, 8, 6))
    assert all(m.training for m in network.modules())
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def shortcut(monkeypatch):
    """Leaves the slow format out, for tests of what happens around the files."""
    monkeypatch.setattr(bundle.torch.export, "export", lambda *_, **__: None)
    monkeypatch.setattr(bundle.torch.export, "save", lambda *_, **__: None)


def test_a_differing_file_is_an_error_and_keeps_the_earlier_export(monkeypatch, tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "old.txt").write_text("old")
    shortcut(monkeypatch)
    monkeypatch.setattr(bundle.torch.export, "load", lambda _: nn.Module())
    monkeypatch.setattr(nn.Module, "module", lambda _: lambda x: torch.full((len(x), 3), 9.0), raising=False)
    with pytest.raises(ExportMismatchError, match="'pt2'"):
        export(tmp_path, build())
    assert [f.name for f in tmp_path.rglob("*")] == ["best", "old.txt"]


def test_the_task_says_what_differs(monkeypatch, tmp_path):
    """Rows in another order are nothing to a task that compares sets of rows."""
    shortcut(monkeypatch)
    network = build().eval()
    mixed = deployed(network)
    monkeypatch.setattr(bundle.torch.export, "load", lambda _: nn.Module())
    monkeypatch.setattr(nn.Module, "module", lambda _: lambda x: mixed(x).flip(0), raising=False)
    with pytest.raises(ExportMismatchError, match="'pt2'"):
        export(tmp_path, network)
    task = SimpleNamespace(
        **vars(TASK)
        | {"difference": lambda found, expected: (found[0].sort(0)[0] - expected[0].sort(0)[0]).abs().max().item()}
    )
    assert export(tmp_path, network, task=task).differences["pt2"] == 0


def test_each_output_is_compared_in_its_own_range():
    pixels, scores = torch.tensor([0.0, 200.0]), torch.tensor([0.5, 0.25])
    assert largest_difference([pixels + 1, scores], [pixels, scores]) == pytest.approx(1 / 200)
    assert largest_difference([pixels, scores + 0.125], [pixels, scores]) == 0.125
    assert math.isnan(largest_difference([pixels, scores * math.nan], [pixels, scores]))
    assert math.isnan(largest_difference([pixels * math.nan, scores], [pixels, scores]))


def test_logits_that_are_not_finite_are_an_error(monkeypatch, tmp_path):
    shortcut(monkeypatch)
    network = build()
    nn.init.constant_(network[-1].bias, float("nan"))
    with pytest.raises(ExportMismatchError, match="not finite"):
        export(tmp_path, network)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_and_leftovers_are_replaced(tmp_path):
    partial, best = tmp_path / ".best.partial", tmp_path / "best"
    best.mkdir()
    (best / "old.txt").write_text("old")
    partial.mkdir()
    (partial / "new.txt").write_text("new")
    (tmp_path / ".best.previous").mkdir()
    bundle._publish(partial, best)
    assert [str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*")] == ["best", "best/new.txt"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from types import SimpleNamespace
import torch
from torch import nn
from nassay.exports import export_best

class Same(nn.Module):
    def forward(self, x):
        return x * 1.0

network = nn.Sequential(nn.Flatten(), nn.Linear(64, int(sys.argv[3])))
task = SimpleNamespace(name="classification", input_shape=(1, 8, 8), preprocessing={}, classes=["a"], reading="",
                       output_names=("logits",), output_words="", deployed=lambda n: nn.Sequential(Same(), n))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    export_best(Path(sys.argv[1]), network, task=task,
                sample=torch.zeros(2, 1, 8, 8), architecture={}, metrics={}, rebuild=lambda: network)
except OSError as error:
    print("OSError", error)
"""


@pytest.mark.parametrize(("limit", "outputs"), [(5_000, 64), (8_000, 2)], ids=["weights", "program"])
def test_a_full_disk_is_an_error_of_the_system_and_leaves_nothing(tmp_path, limit, outputs):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path, str(limit), str(outputs)], capture_output=True, text=True
    )
    assert done.stdout.startswith("OSError"), done.stderr
    assert list(tmp_path.iterdir()) == []
