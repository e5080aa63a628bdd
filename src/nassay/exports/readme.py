"""The text beside exported files: what to feed them, in words and in lines of code that run as they stand."""

from collections.abc import Mapping
from typing import Any

_FILE_MODES = {"1": 1, "L": 1, "RGB": 3, "RGBA": 4}  # Pillow's modes and their channels
_TRAINABLE = """import json
from pathlib import Path
import torch
from safetensors.torch import load_model
from nassay.tasks.base import tasks

facts = json.load(open("architecture.json", encoding="utf-8"))
task = tasks[facts["task"]].target.load(Path("../task"))
space = task.space(facts["architecture"]["space"])
network = space.build(space.from_string(facts["architecture"]["architecture"]))
deployed = task.deployed(network)
load_model(deployed, "model.safetensors")  # network, a part of it, now has the trained weights
images, targets = (torch.from_numpy(part[:32].copy()) for part in (task.train.x, task.train.y))
loss = task.criterion()(network(task.prepare(images)), targets)
print(loss.item())
"""


def readme(facts: Mapping[str, Any], words: str, reading: str) -> str:
    """Markdown for an exported folder.

    Args:
        facts: the content of architecture.json.
        words: what the network is and puts out.
        reading: lines of Python that print what the outputs say.
    """
    outputs = facts["outputs"]
    names = ", ".join(outputs)
    channels, height, width = facts["input_shape"]
    return f"""# Exported network

{words} The files hold the same network:
`model.onnx` (any ONNX runtime), `model.pt2` (PyTorch alone), `model.safetensors` (weights for nassay).
`architecture.json` says what was built, how good it is, and the names of the classes.

Input: float32, (batch, {channels}, {height}, {width}). {_words(facts)}
Normalisation by mean and standard deviation is part of the network.

## ONNX Runtime

```python
import json
import numpy as np
import onnxruntime
{_loading(facts)}
session = onnxruntime.InferenceSession("model.onnx")
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
{names}{"," * (len(outputs) == 1)} = session.run({list(outputs)}, {{"images": images}})
{reading}
```

## PyTorch

```python
import json
import numpy as np
import torch
{_loading(facts)}
network = torch.export.load("model.pt2").module()
classes = json.load(open("architecture.json", encoding="utf-8"))["classes"]
{names} = network(torch.from_numpy(images))
{reading}
```

## Training it further

`model.safetensors` holds the tensors of what is called `deployed` below. With nassay, in this folder, where the search
has left it (`../task` has the data and their normalisation):

```python
{_TRAINABLE}```
"""


def _words(facts: Mapping[str, Any]) -> str:
    preprocessing = facts["preprocessing"]
    scale = preprocessing.get("scale", 1.0)
    scaling = "Values are used as they are." if scale == 1 else f"Values are multiplied by {_number(scale)}."
    if preprocessing.get("mode") not in _FILE_MODES:
        return scaling
    resize = preprocessing.get("resize", "none")
    resizing = "" if resize == "none" else f" Other sizes are resized: {resize}."
    return f"Images are turned upright and converted to {preprocessing['mode']}.{resizing} {scaling}"


def _loading(facts: Mapping[str, Any]) -> str:
    """Code that makes `images`, from a file where the network was trained on files."""
    channels, height, width = facts["input_shape"]
    preprocessing = facts["preprocessing"]
    scale = _number(preprocessing.get("scale", 1.0))
    mode = preprocessing.get("mode")
    if mode not in _FILE_MODES:
        return f"""
images = np.zeros((1, {channels}, {height}, {width}), np.float32) * np.float32({scale})  # your images here
"""
    return f"""from PIL import Image, ImageOps

image = ImageOps.exif_transpose(Image.open("image.png")).convert("{mode}")
pixels = np.asarray(image.resize(({width}, {height}), Image.Resampling.BILINEAR), np.float32)
images = pixels.reshape(1, {height}, {width}, {channels}).transpose(0, 3, 1, 2) * np.float32({scale})
"""


def _number(scale: float) -> str:
    """A scale as a person writes it: 1 / 255 rather than 0.00392156862745098."""
    inverse = 1 / scale
    return f"1 / {inverse:.0f}" if scale < 1 and abs(inverse - round(inverse)) < 1e-9 else repr(float(scale))
