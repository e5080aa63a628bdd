"""Numbers as people read them: with units, three digits where three carry meaning, a dash for no value."""

from math import floor, isfinite, log10

DASH = "–"
NBSP = "\N{NO-BREAK SPACE}"


def digits(value: float | None, significant: int = 3) -> str:
    """`value` with that many significant digits, without exponent between 0.001 and a million."""
    if value is None or not isfinite(value):
        return DASH
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        return f"{value:.{significant - 1}e}"
    return f"{value:.{max(0, significant - 1 - floor(log10(abs(value))))}f}"


def count(value: float | None) -> str:
    """A count such as parameters or MACs: 950, 12.3 k, 1.23 M, 4.56 G."""
    return _scaled(value, 1000, ("", "k", "M", "G", "T"))


def size_bytes(value: float | None) -> str:
    """A size in memory: 512 B, 12.3 KiB, 1.23 MiB."""
    return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))


def _scaled(value: float | None, base: int, units: tuple[str, ...]) -> str:
    if value is None or not isfinite(value):
        return DASH
    step = 0
    while abs(value) >= base and step < len(units) - 1:
        value, step = value / base, step + 1
    number = f"{value:g}" if step == 0 else digits(value)
    return f"{number}{NBSP}{units[step]}".rstrip(NBSP)


def percent(value: float | None) -> str:
    """A share in 0..1 as a percentage with one decimal: 97.2 %."""
    return f"{100 * value:.1f}{NBSP}%" if value is not None and isfinite(value) else DASH


def points(value: float | None) -> str:
    """A difference of two shares as percentage points, signed: +1.4."""
    return f"{100 * value:+.1f}".replace("-", "−") if value is not None and isfinite(value) else DASH


def milliseconds(value: float | None) -> str:
    """A latency: 1.92 ms."""
    return f"{digits(value)}{NBSP}ms" if value is not None and isfinite(value) else DASH


def duration(value: float | None) -> str:
    """Seconds as a person says them: 0.42 s, 12 s, 3 min 20 s, 1 h 02 min."""
    if value is None or not isfinite(value):
        return DASH
    if value < 9.95:
        return f"{digits(value, 2)}{NBSP}s"
    seconds = round(value)
    if seconds < 60:
        return f"{seconds}{NBSP}s"
    if seconds < 3600:
        return f"{seconds // 60}{NBSP}min{NBSP}{seconds % 60:02d}{NBSP}s"
    return f"{seconds // 3600}{NBSP}h{NBSP}{seconds % 3600 // 60:02d}{NBSP}min"


def epochs(value: float | None) -> str:
    """Passes over the data: 40, 2.5."""
    return f"{value:.1f}".removesuffix(".0") if value is not None and isfinite(value) else DASH


def signed(value: float | None) -> str:
    """A correlation: 0.62, −0.10."""
    return f"{value:.2f}".replace("-", "−") if value is not None and isfinite(value) else DASH
