"""Names of NDS's published files."""

import pytest

from nassay.errors import UserError
from nassay.spaces.nds import nds_space


@pytest.mark.parametrize(
    ("family", "name", "side", "outputs"),
    [
        ("DARTS_lr-wd_in", "nds_darts", 224, 1000),
        ("DARTS_fix-w-d", "nds_darts", 32, 10),
        ("Amoeba", "nds_amoeba", 32, 10),
        ("ResNeXt-A_in", "nds_resnext_a", 224, 1000),
        ("Vanilla_lr-wd_in", "nds_vanilla", 224, 1000),
    ],
)
def test_family_has_its_space_and_images(family: str, name: str, side: int, outputs: int) -> None:
    space = nds_space(family)
    assert (space.name, space.input_shape, space.num_outputs) == (name, (3, side, side), outputs)


@pytest.mark.parametrize("family", ["ResNet", "ResNet_rng1", "Inception_in", ""])
def test_what_has_no_space_is_a_user_error(family: str) -> None:
    with pytest.raises(UserError, match="no space for NDS's family.*NASNet"):
        nds_space(family)
