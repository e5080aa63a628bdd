"""Wrong input by the real command; many more cases are tested within the process, in tests/cli/test_bad_input.py."""

import pytest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("search", "no/such/photos", "--out", "run"), "no/such/photos"),
        (("search", "digits", "--max-params", "10", "--out", "run"), "but the smallest network has"),
        (("score", "bad.py:net", "--json"), "bad.py:net raised RuntimeError: boom"),
        (("list", "proxys"), "Did you mean proxies"),
    ],
)
def test_wrong_input_is_one_message_and_leaves_nothing(nassay, words, message):
    (nassay.folder / "bad.py").write_text("def net():\n    raise RuntimeError('boom')\n")
    code, out, err = nassay(*words)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert err.count("nassay: ") == 1
    assert "Traceback" not in err
    assert sorted(p.name for p in nassay.folder.iterdir() if not p.name.startswith("stderr")) == ["bad.py"]
