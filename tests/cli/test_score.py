import json
import math

import pytest
import torch
from torch import nn

from nassay.cli.score import load_model, score_model, score_models
from nassay.errors import UserError
from nassay.studies.bench_rows import AGGREGATES

MODELS = """
import sys
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

class Pair(nn.Module):
    def forward(self, x):
        return x, x

def pair():
    return Pair()

def image():
    return nn.Conv2d(1, 4, 3)

def number():
    return 3

def fails():
    raise RuntimeError("boom")

def leaves():
    sys.exit(7)
"""


@pytest.fixture
def models(tmp_path):
    path = tmp_path / "models.py"
    path.write_text(MODELS)
    return path


def test_a_function_of_a_file_gives_a_module(models):
    assert isinstance(load_model(f"{models}:net"), nn.Module)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("fails", r"models\.py:fails raised RuntimeError: boom"),
        ("leaves", r"models\.py:leaves raised SystemExit: 7"),
        ("number", r"must return a torch\.nn\.Module, it returned int"),
        ("nte", r"has no function 'nte'; it has .*net"),
    ],
)
def test_what_gives_no_module_is_named(models, function, message):
    with pytest.raises(UserError, match=message):
        load_model(f"{models}:{function}")


@pytest.mark.parametrize("text", ["models.py", "gone.py:net", ":net", ""])
def test_what_is_no_file(text):
    with pytest.raises(UserError, match=r"FILE\.py:FUNCTION"):
        load_model(text)


def test_a_file_that_cannot_be_read_as_python_is_named(tmp_path):
    (tmp_path / "bad.py").write_text("def net(:")
    with pytest.raises(UserError, match="raised SyntaxError"):
        load_model(f"{tmp_path / 'bad.py'}:net")


def test_costs_and_scores(models):
    found = score_model(f"{models}:net", (1, 8, 8), 0, "synflow,naswot", batch=8, seed=0)
    assert found["params"] == (9 * 4 + 4) + 2 * 4 + (4 * 3 + 3)
    assert found["macs"] == 9 * 4 * 64 + 4 * 3
    assert list(found["scores"]) == ["synflow", "naswot"]
    assert all(s["value"] is not None and s["direction"] in (-1, 1) for s in found["scores"].values())


def test_all_is_every_registered_proxy_and_topology(models, nassay):
    found = score_model(f"{models}:net", (1, 8, 8), 0, "all", batch=8, seed=0)
    nouns = ("proxies", "topologies")
    names = [e["name"] for noun in nouns for e in json.loads(nassay("list", noun, "--json")[1])]
    assert list(found["scores"]) == names
    assert "no labelled graph" in found["scores"]["sed"]["reason"]


def test_several_models_are_ranked(models):
    found = score_models([f"{models}:net", f"{models}:net"], (1, 8, 8), 0, "macs,az_nas", batch=8, seed=0)
    assert [list(one["scores"]) for one in found["models"]] == [["macs", *AGGREGATES["az_nas"].members]] * 2
    assert list(found["ranking"]) == ["az_nas"]
    both = sum(found["ranking"]["az_nas"])  # ranks 1 and 2 by each part, or 1.5 twice
    assert 4 * math.log(1 / 2) - 1e-9 <= both <= 8 * math.log(1.5 / 2) + 1e-9
    everything = score_models([f"{models}:net"] * 2, (1, 8, 8), 0, "all", batch=8, seed=0)
    assert list(everything["ranking"]) == list(AGGREGATES)


def test_one_model_has_no_rank(models):
    found = score_models([f"{models}:net"], (1, 8, 8), 0, "nassay", batch=8, seed=0)
    assert found["scores"]["nassay"]["value"] is None
    assert "several models" in found["scores"]["nassay"]["reason"]
    assert found["scores"]["macs"]["value"] == found["macs"]


def test_the_seed_decides(models):
    def value(seed):
        return score_model(f"{models}:net", (1, 8, 8), 0, "naswot", batch=8, seed=seed)["scores"]["naswot"]["value"]

    torch.manual_seed(0)  # the user's function draws its weights itself
    first = value(0)
    torch.manual_seed(0)
    assert value(0) == first


@pytest.mark.parametrize(
    ("function", "shape", "message"),
    [
        ("net", (3, 8, 8), r"does not take one 3x8x8 image"),
        ("pair", (1, 8, 8), r"must return one \(batch, outputs\) tensor"),
        ("image", (1, 8, 8), r"must return one \(batch, outputs\) tensor"),
    ],
)
def test_a_module_for_other_inputs_or_with_other_outputs_is_named(models, function, shape, message):
    with pytest.raises(UserError, match=message):
        score_model(f"{models}:{function}", shape, 0, "synflow", batch=4, seed=0)


def test_an_unknown_proxy_is_told_the_nearest(models, nassay):
    code, out, err = nassay("score", f"{models}:net", "--input", "1x8x8", "--proxies", "synfow")
    assert (code, out) == (2, "")
    assert "Did you mean synflow" in err


def test_a_raising_model_is_one_message(models, nassay):
    code, out, err = nassay("score", f"{models}:fails", "--json")
    assert (code, out) == (2, "")
    assert err.strip() == f"nassay: {models}:fails raised RuntimeError: boom"


def test_the_command_prints_json_or_a_table(models, nassay):
    words = ("score", f"{models}:net", "--input", "1x8x8", "--proxies", "synflow", "--batch", "4")
    code, out, err = nassay(*words, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["batch"] == 4
    code, out, err = nassay(*words)
    assert (code, err) == (0, "")
    assert "synflow" in out
    assert "higher" in out
