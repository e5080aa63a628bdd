import io
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from nassay.errors import UserError
from nassay.tasks.decoding import Decoded, decode_images


def decode(images: list[Image.Image], **options: object) -> Decoded:
    return decode_images([image.copy for image in images], [f"image {i}" for i in range(len(images))], **options)  # type: ignore[arg-type]


def opener_of(data: bytes):
    return lambda: Image.open(io.BytesIO(data))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(size: tuple[int, int] = (32, 32)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("mode", "color", "kept", "values"),
    [
        ("L", 7, "L", [7]),
        ("1", 1, "L", [255]),
        ("LA", (7, 9), "L", [7]),
        ("RGB", (1, 2, 3), "RGB", [1, 2, 3]),
        ("RGBA", (1, 2, 3, 200), "RGBA", [1, 2, 3, 200]),
        ("CMYK", (0, 0, 0, 0), "RGB", [255, 255, 255]),
        ("I;16", 40000, "F", [40000]),
        ("F", 0.5, "F", [0.5]),
    ],
)
def test_each_mode_is_kept_without_loss(mode: str, color: object, kept: str, values: list[float]) -> None:
    decoded = decode([Image.new(mode, (4, 4), color)] * 2)  # type: ignore[arg-type]
    assert decoded.preprocessing["mode"] == kept
    assert decoded.x.shape == (2, len(values), 4, 4)
    assert decoded.x[1, :, 3, 3].tolist() == values
    assert decoded.x.dtype == (np.float32 if kept == "F" else np.uint8)
    assert decoded.notes == ()


def test_palettes_are_looked_up() -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert decode([image]).x[0, :, 0, 0].tolist() == [10, 20, 30]
    image.info["transparency"] = 1
    assert decode([image]).x[0, :, 0, 0].tolist() == [10, 20, 30, 0]


def test_the_most_common_mode_wins_and_the_others_are_counted() -> None:
    images = [Image.new("RGB", (4, 4), (9, 9, 9))] * 3 + [Image.new("L", (4, 4), 5), Image.new("RGBA", (4, 4))]
    decoded = decode(images)
    assert decoded.x.shape[1] == 3
    assert decoded.x[3, :, 0, 0].tolist() == [5, 5, 5]
    assert decoded.notes == ("2 of 5 images (1 L and 1 RGBA) are converted to RGB.",)


def test_a_tie_goes_to_the_richer_mode() -> None:
    assert decode([Image.new("L", (4, 4)), Image.new("RGB", (4, 4))]).preprocessing["mode"] == "RGB"


def test_sixteen_bits_among_eight_and_eight_among_sixteen() -> None:
    wide, narrow = Image.new("I;16", (4, 4), 0x1234), Image.new("L", (4, 4), 0x12)
    assert decode([narrow, narrow, wide]).x[2, 0, 0, 0] == 0x12
    assert decode([wide, wide, narrow]).x[2, 0, 0, 0] == 0x1212  # 0x12 * 257: white stays white


def test_a_float_image_among_bytes_cannot_be_converted() -> None:
    images = [Image.new("L", (4, 4))] * 20 + [Image.new("F", (4, 4), 0.5)]
    decoded = decode(images)
    assert len(decoded.x) == 20
    assert "image 20 (values beyond 16 bits among images of 8 bits)" in decoded.notes[0]


def test_sizes_are_brought_to_the_median_and_noted_once() -> None:
    images = [Image.new("L", size, 50) for size in ((20, 10), (22, 12), (40, 30))]  # (width, height)
    decoded = decode(images)
    assert decoded.x.shape == (3, 1, 16, 24)  # medians 12 and 22 to multiples of 8 (12 / 8 = 1.5 rounds to 2)
    assert (decoded.x == 50).all()
    assert len(decoded.notes) == 1
    assert decoded.preprocessing["resize"] == "bilinear with antialiasing, the whole image"


def test_a_shape_overrides_mode_and_size() -> None:
    decoded = decode([noise()] * 2, shape=(1, 10, 12))
    assert decoded.x.shape == (2, 1, 10, 12)
    assert decoded.preprocessing["mode"] == "L"
    assert decode([Image.new("I;16", (4, 4), 999)], shape=(1, 2, 2)).x.ravel().tolist() == [999] * 4
    with pytest.raises(UserError, match="1, 3 or 4 channels; image_shape asks for 2"):
        decode([noise()], shape=(2, 8, 8))


def test_the_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (16, 8))
    image.paste((255, 255, 255), (0, 0, 8, 8))  # left half white
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to view
    decoded = decode_images([opener_of(encoded(image, "PNG", exif=exif))], ["a"])
    assert decoded.x.shape == (1, 3, 16, 8)
    assert (decoded.x[0, :, :8] == 255).all()
    assert (decoded.x[0, :, 8:] == 0).all()


def test_of_an_animation_the_first_frame_is_used() -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ((255, 0, 0), (0, 255, 0))]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_images([opener_of(data)], ["a"]).x[0, :, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.filterwarnings("ignore:Truncated File Read")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_truncated_files_are_skipped_and_named(kind: str, share: float) -> None:
    data = encoded(noise(), kind)
    good = [opener_of(data)] * 39
    names = [f"{i}.img" for i in range(40)]
    decoded = decode_images([opener_of(data[: int(share * len(data))]), *good], names)
    assert decoded.kept.tolist() == list(range(1, 40))
    assert len(decoded.x) == 39
    assert decoded.notes[0].startswith("1 of 40 images cannot be decoded and are skipped: 0.img (")


@pytest.mark.parametrize("error", [RuntimeError("broken"), Image.DecompressionBombError("broken")])
def test_whatever_a_decoder_raises_is_a_reason(error: Exception) -> None:
    def failing() -> Image.Image:
        raise error

    notes = decode_images([*[noise] * 20, failing], [str(i) for i in range(21)]).notes
    assert notes == ("1 of 21 images cannot be decoded and are skipped: 20 (broken).",)


def test_more_than_five_percent_is_an_error() -> None:
    data = encoded(noise(), "JPEG")
    openers = [opener_of(data)] * 18 + [opener_of(b"no image")] * 2
    with pytest.raises(UserError, match=r"2 of 20 images cannot be decoded \(10%.*18.img"):
        decode_images(openers, [f"{i}.img" for i in range(20)])


def test_too_large_for_the_memory_is_said_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2 * 3 * 32 * 32 * 4 - 1))
    with pytest.raises(UserError, match="4 images of 32x32 pixels need"):
        decode([noise()] * 4)


def test_the_users_image_is_left_alone() -> None:
    image = noise()
    before = np.asarray(image).copy()
    decode([image] * 2, shape=(1, 8, 8))
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), before)
