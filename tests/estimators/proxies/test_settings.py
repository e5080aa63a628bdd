import pytest

from nassay.errors import UserError
from nassay.estimators.proxies.settings import ProbeSettings


def test_full_depth_is_not_told() -> None:
    assert ProbeSettings().as_dict() == {"batch_size": 64, "largest_side": 64}
    assert ProbeSettings(depth_percent=50).as_dict()["depth_percent"] == 50


def test_fast_shows_less_of_everything() -> None:
    full, fast = ProbeSettings(), ProbeSettings.fast()
    assert fast.batch_size < full.batch_size
    assert fast.depth_percent < full.depth_percent


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 1}, {"largest_side": 0}, {"depth_percent": 0}, {"depth_percent": 101}]
)
def test_settings_that_make_no_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match="needed, found"):
        ProbeSettings(**wrong)


def test_of_small_images_there_are_more() -> None:
    fast = ProbeSettings.fast()
    assert [fast.inputs((3, side, side)) for side in (64, 32, 24, 16, 8)] == [16, 16, 29, 64, 64]
    assert ProbeSettings(batch_size=128).inputs((3, 8, 8)) == 128


def test_of_large_images_there_are_fewer() -> None:
    """As many pixels as of the largest images that are shown smaller, but at least four inputs."""
    assert [ProbeSettings().inputs((3, side, side)) for side in (64, 128, 256, 512)] == [64, 16, 4, 4]
    assert ProbeSettings.fast().inputs((3, 128, 128)) == 4
    assert ProbeSettings(batch_size=2).inputs((3, 256, 256)) == 2
