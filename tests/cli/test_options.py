import pytest

from nassay.cli.options import check_writable, parse_shape
from nassay.errors import UserError


@pytest.mark.parametrize(
    ("text", "shape"), [("3x32x48", (3, 32, 48)), ("1X8X8", (1, 8, 8)), ("4x224x224", (4, 224, 224))]
)
def test_shapes(text, shape):
    assert parse_shape(text) == shape


@pytest.mark.parametrize("text", ["", "32", "3x32", "3x0x3", "3x-1x3", "axbxc", "3x3x3x3", "3.0x3x3"])
def test_what_is_no_shape(text):
    with pytest.raises(UserError, match="CxHxW"):
        parse_shape(text)


def test_a_file_may_be_new_or_replaced(tmp_path):
    check_writable(tmp_path / "new.json")
    (tmp_path / "old.json").write_text("{}")
    check_writable(tmp_path / "old.json")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]


@pytest.mark.parametrize(
    ("path", "message"),
    [("folder", "is a folder"), ("missing/x.json", "there is no folder"), ("file/x.json", "there is no folder")],
)
def test_a_file_that_could_not_be_written_is_refused(tmp_path, path, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=message):
        check_writable(tmp_path / path)
