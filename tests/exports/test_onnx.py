"""What the file says of itself, and what an export leaves behind."""

import logging

import onnx
import pytest
import torch
from torch import nn

from nassay.exports.onnx import to_onnx


class TwoHeads(nn.Module):
    def forward(self, x):
        return x + 1, x.flatten(1).sum(1)


class Talking(nn.Module):
    def forward(self, x):
        print("hello")
        return 2 * x


def load(data):
    return onnx.load_model_from_string(data)


def shape(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_outputs_have_their_names_and_only_the_batch_is_dynamic():
    model = load(to_onnx(TwoHeads(), (3, 4, 5), ("boxes", "sums")))  # a module without weights
    assert [(v.name, shape(v)) for v in model.graph.input] == [("images", ["batch", 3, 4, 5])]
    assert [(v.name, shape(v)[0]) for v in model.graph.output] == [("boxes", "batch"), ("sums", "batch")]
    assert model.opset_import[0].version == 17


@pytest.mark.parametrize("metadata", [None, {}])
def test_without_metadata_there_are_no_properties(metadata):
    assert not load(to_onnx(nn.Identity(), (2,), metadata=metadata)).metadata_props


def test_dropout_is_off_in_the_file_and_on_in_the_module():
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).train()
    assert "Dropout" not in {node.op_type for node in load(to_onnx(module, (2,))).graph.node}
    assert module[1].training


def test_what_a_module_prints_does_not_reach_stdout(capsys):
    to_onnx(Talking(), (2,))
    assert capsys.readouterr().out == ""
    print("after")
    assert capsys.readouterr().out == "after\n"


@pytest.mark.parametrize("width", [2, 3])
def test_the_log_level_is_put_back_even_after_a_failure(width):
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        if width == 2:
            to_onnx(nn.Linear(2, 1), (width,))
        else:
            with pytest.raises(RuntimeError):
                to_onnx(nn.Linear(2, 1), (width,))
        assert logger.level == logging.DEBUG
    finally:
        logger.setLevel(before)


def test_an_operation_without_an_onnx_form_is_an_error():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    with pytest.raises(torch.onnx.OnnxExporterError):
        to_onnx(Odd(), (2, 2))
