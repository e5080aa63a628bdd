import math

import pytest

from nassay.reports import formats


def plain(text: str) -> str:
    return text.replace(formats.NBSP, " ")


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (formats.digits, 0, "0"),
        (formats.digits, 0.01234, "0.0123"),
        (formats.digits, 12.345, "12.3"),
        (formats.digits, 123456, "123456"),
        (formats.digits, -2.5e-7, "-2.50e-07"),
        (formats.digits, 1e30, "1.00e+30"),
        (formats.count, 950, "950"),
        (formats.count, 412_634, "413 k"),
        (formats.count, 1_234_567, "1.23 M"),
        (formats.count, 2.5e15, "2500 T"),
        (formats.size_bytes, 512, "512 B"),
        (formats.size_bytes, 98_304, "96.0 KiB"),
        (formats.size_bytes, 3 * 1024**2, "3.00 MiB"),
        (formats.percent, 0.97222, "97.2 %"),
        (formats.percent, 1.0, "100.0 %"),
        (formats.points, 0.0139, "+1.4"),
        (formats.points, -0.021, "−2.1"),
        (formats.milliseconds, 1.9234, "1.92 ms"),
        (formats.duration, 0.42, "0.42 s"),
        (formats.duration, 9.96, "10 s"),
        (formats.duration, 59.6, "1 min 00 s"),
        (formats.duration, 200, "3 min 20 s"),
        (formats.duration, 3725, "1 h 02 min"),
        (formats.epochs, 40, "40"),
        (formats.epochs, 2.5, "2.5"),
        (formats.signed, -0.1, "−0.10"),
        (formats.signed, 0.625, "0.62"),
    ],
)
def test_numbers_read_well(write, value, text):
    assert plain(write(value)) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
@pytest.mark.parametrize(
    "name",
    ["digits", "count", "size_bytes", "percent", "points", "milliseconds", "duration", "epochs", "signed"],
)
def test_no_value_is_a_dash(name, value):
    assert getattr(formats, name)(value) == formats.DASH
