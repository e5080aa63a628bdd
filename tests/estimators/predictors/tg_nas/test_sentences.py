import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.predictors.tg_nas.sentences import sentence
from nassay.spaces.base import Space, spaces


@pytest.mark.parametrize(
    ("label", "phrase"),
    [
        ("input", "Input"),
        ("none", "None"),
        ("skip_connect", "Residual connection"),
        ("nor_conv_3x3", "Convolution 3 by 3"),
        ("conv1x1-bn-relu", "Convolution 1 by 1"),
        ("avg_pool_3x3", "Average pooling 3 by 3"),
        ("maxpool3x3", "Max pooling 3 by 3"),
        ("sep_conv_5x5", "Depth-wise separable convolution 5 by 5"),
        ("dil_conv_3x3", "Dilated convolution 3 by 3"),
        ("conv_7x1_1x7", "Convolution 7 by 1 and 1 by 7"),
        ("mb6_k5", "Inverted residual block, depth-wise convolution 5 by 5, expansion 6"),
        ("k3e4se", "Inverted residual block, depth-wise convolution 3 by 3, expansion 4, squeeze and excitation"),
    ],
)
def test_phrases(label: str, phrase: str) -> None:
    assert sentence(label) == phrase


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("conv3x3-bn-relu", "nor_conv_3x3"),
        ("conv_1x1", "nor_conv_1x1"),
        ("max_pool_3x3", "maxpool3x3"),
        ("id", "skip_connect"),
    ],
)
def test_spaces_name_equal_operations_differently(a: str, b: str) -> None:
    assert sentence(a) == sentence(b)


@pytest.mark.parametrize("label", ["", "warp_3x3", "conv", "conv_3", "k3", "3x3"])
def test_unknown_operations(label: str) -> None:
    with pytest.raises(UserError, match="no sentence for the operation"):
        sentence(label)


@pytest.mark.parametrize(
    "name", ["nb101", "nb201", "nds_nasnet", "nds_amoeba", "nds_darts", "nb_macro", "transnas_micro"]
)
def test_every_label_of_the_spaces_of_cells_has_a_phrase(name: str) -> None:
    space: Space = spaces[name].target((3, 32, 32), 10)
    rng = np.random.default_rng(0)
    labels = {label for _ in range(30) for label in space.graph(space.sample(rng)).labels}
    assert all(sentence(label) for label in labels)
