"""Optional libraries: one sentence that names the extra."""

import pytest

from nassay.errors import UserError
from nassay.extras import extra


def test_a_missing_library_names_itself_and_the_extra() -> None:
    with (
        pytest.raises(UserError, match=r"needs no_such_library\. Install it: pip install 'nassay\[moo\]'\."),
        extra("moo"),
    ):
        import no_such_library  # noqa: F401


def test_other_errors_and_present_libraries_pass() -> None:
    with extra("moo"):
        import json
    assert json.loads("1") == 1
    with pytest.raises(ZeroDivisionError), extra("moo"):
        1 / 0  # noqa: B018
