import json
import logging
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from nassay.exports.onnx import to_onnx


def network():
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Hardswish(), nn.Flatten(), nn.Linear(4 * 9, 3))


def run(model, images):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"images": images})[0]


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_the_file_computes_what_the_module_does_at_any_batch(batch):
    module = network()
    images = torch.randn(batch, 2, 5, 5)
    expected = module.eval()(images).detach().numpy()
    np.testing.assert_allclose(run(to_onnx(module, (2, 5, 5)), images.numpy()), expected, atol=1e-5)


def test_modes_weights_and_random_state_are_left_alone():
    module = network().train()
    module[1].eval()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    state = torch.get_rng_state()
    to_onnx(module, (2, 5, 5))
    assert [m.training for m in module] == [True, False, True, True, True]
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_modes_are_restored_after_a_failure():
    module = network().train()
    with pytest.raises(RuntimeError):
        to_onnx(module, (3, 5, 5))
    assert all(m.training for m in module)


def test_metadata_is_json_and_keeps_unicode():
    facts = {"classes": ["Äpfel", "梨"], "preprocessing": {"scale": 0.5}}
    model = onnx.load_model_from_string(to_onnx(network(), (2, 5, 5), metadata=facts))
    assert {p.key: json.loads(p.value) for p in model.metadata_props} == facts
    onnx.checker.check_model(model)


def test_nothing_is_printed_or_warned(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_onnx(network(), (2, 5, 5))
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("torch.onnx").level != logging.ERROR
