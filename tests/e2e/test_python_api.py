"""`nassay.search` in a script of the user's, without a main guard."""

import json
import subprocess
import sys

import pytest

ARRAYS = """
import numpy as np
arrays = np.load(sys.argv[1])
data = arrays["x_val"], arrays["y_val"]
"""
DATASET = """
import numpy as np, torch
class Images(torch.utils.data.Dataset):
    arrays = np.load(sys.argv[1])
    def __len__(self):
        return len(self.arrays["x_val"])
    def __getitem__(self, i):
        return torch.from_numpy(self.arrays["x_val"][i]).float() / 255, int(self.arrays["y_val"][i])
data = Images()
"""
SEARCH = """
import nassay, random, torch
import sklearn.ensemble  # importing it draws from `random`
random.seed(1), np.random.seed(1), torch.manual_seed(1)
state = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist()
result = nassay.search(data, space="resnet", strategy="random", evaluations=4, workers=1, out="run",
                       constraints={"max_params": 100_000})
assert state == (random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist())
logits = result.load()(torch.zeros(2, 1, 8, 8))
print(json.dumps({"best": result.best, "outputs": list(logits.shape), "folder": str(result.folder)}))
"""


@pytest.mark.parametrize("data", [DATASET, pytest.param(ARRAYS, marks=pytest.mark.slow)], ids=["dataset", "arrays"])
def test_a_script_searches_and_gets_its_result(images, tmp_path, tools, data):
    script = tmp_path / "mine.py"
    script.write_text("import json, sys\n" + data + SEARCH)
    done = subprocess.run(
        [sys.executable, script, images],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        preexec_fn=tools.one_core,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)  # nothing else is printed
    assert found["best"]["params"] <= 100_000
    assert found["outputs"] == [2, 3]
    assert found["folder"] == "run"
    assert (tmp_path / "run" / "best" / "model.onnx").exists()
