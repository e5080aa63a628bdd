import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_model

from nassay.exports.readme import readme
from nassay.tasks.base import tasks


def text(shape=(3, 8, 6), **preprocessing):
    facts = {"input_shape": shape, "classes": ["a", "b"], "outputs": ["logits"], "preprocessing": preprocessing}
    return readme(facts, "A classifier.", "print([classes[i] for i in logits.argmax(1)])")


def test_files_of_grey_images_are_converted_to_grey():
    found = text((1, 8, 6), mode="L", scale=1 / 255, resize="none")
    assert 'convert("L")' in found
    assert "float32, (batch, 1, 8, 6)" in found
    assert "resized" not in found


def test_arrays_are_not_read_by_pillow():
    found = text((7, 8, 6), mode="array", scale=1.0)
    assert "PIL" not in found
    assert "np.zeros((1, 7, 8, 6)" in found
    assert "Values are used as they are." in found


@pytest.mark.parametrize(("scale", "written"), [(1 / 255, "1 / 255"), (1 / 65535, "1 / 65535"), (0.3, "0.3")])
def test_scales_read_as_a_person_writes_them(scale, written):
    assert f"multiplied by {written}." in text(mode="array", scale=scale)


def test_every_snippet_compiles():
    for mode, channels in (("L", 1), ("RGB", 3), ("RGBA", 4), ("array", 5)):
        snippets = text((channels, 8, 6), mode=mode, scale=1.0).split("```python\n")[1:]
        assert len(snippets) == 3
        for snippet in snippets:
            compile(snippet.split("```")[0], mode, "exec")


@pytest.mark.parametrize("name", ["classification", "retrieval"])
def test_the_trained_module_comes_back_to_be_trained_on(tmp_path, monkeypatch, capsys, name):
    y = np.arange(48) % 6
    x = np.random.default_rng(0).integers(0, 256, (48, 1, 8, 8), dtype=np.uint8)
    task = tasks[name].target.from_source((x, y), seed=0)
    task.save(tmp_path / "task")
    space = task.space("nb201")
    torch.manual_seed(1)
    network, best = space.build(space.smallest()), tmp_path / "best"
    best.mkdir()
    save_model(task.deployed(network), str(best / "model.safetensors"))
    built = {"space": "nb201", "architecture": space.to_string(space.smallest())}
    (best / "architecture.json").write_text(json.dumps({"task": name, "architecture": built}))
    monkeypatch.chdir(best)
    found = {}
    exec(re.findall(r"```python\n(.*?)```", text((1, 8, 8)), re.DOTALL)[2], found)
    again = dict(found["network"].named_parameters())
    assert all(torch.equal(again[key], value) for key, value in network.named_parameters())
    found["loss"].backward()
    assert any(bool(p.grad.any()) for p in found["network"].parameters() if p.grad is not None)
    assert float(capsys.readouterr().out) == found["loss"].item()
