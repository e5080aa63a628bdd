"""Exit codes, and who is whose error."""

import pytest

from nassay.errors import InfeasibleError, NassayError, StudyBusyError, StudyStoppedError, UserError


@pytest.mark.parametrize(
    ("error", "code"),
    [(NassayError, 1), (UserError, 2), (InfeasibleError, 2), (StudyBusyError, 3), (StudyStoppedError, 4)],
)
def test_each_error_has_its_exit_code_and_keeps_its_text(error: type[NassayError], code: int) -> None:
    raised = error("what is wrong")
    assert isinstance(raised, NassayError)
    assert raised.exit_code == code
    assert str(raised) == "what is wrong"


def test_wrong_input_is_a_value_error_and_an_infeasible_limit_wrong_input() -> None:
    assert issubclass(UserError, ValueError)
    assert issubclass(InfeasibleError, UserError)
    assert not issubclass(StudyBusyError, UserError)
