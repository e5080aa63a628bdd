import pytest

from nassay.exports.readme import readme


def text(shape=(3, 8, 6), **preprocessing):
    facts = {"input_shape": shape, "classes": ["a", "b"], "outputs": ["logits"], "preprocessing": preprocessing}
    return readme(facts, "A classifier.", "print([classes[i] for i in logits.argmax(1)])")


def test_files_of_grey_images_are_converted_to_grey():
    found = text((1, 8, 6), mode="L", scale=1 / 255, resize="none")
    assert 'convert("L")' in found
    assert "float32, (batch, 1, 8, 6)" in found
    assert "resized" not in found


def test_arrays_are_not_read_by_pillow():
    found = text((7, 8, 6), mode="array", scale=1.0)
    assert "PIL" not in found
    assert "np.zeros((1, 7, 8, 6)" in found
    assert "Values are used as they are." in found


@pytest.mark.parametrize(("scale", "written"), [(1 / 255, "1 / 255"), (1 / 65535, "1 / 65535"), (0.3, "0.3")])
def test_scales_read_as_a_person_writes_them(scale, written):
    assert f"multiplied by {written}." in text(mode="array", scale=scale)


def test_every_snippet_compiles():
    for mode, channels in (("L", 1), ("RGB", 3), ("RGBA", 4), ("array", 5)):
        snippets = text((channels, 8, 6), mode=mode, scale=1.0).split("```python\n")[1:]
        assert len(snippets) == 2
        for snippet in snippets:
            compile(snippet.split("```")[0], mode, "exec")
