"""A picture of a page, taken by a headless Chromium."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from nassay.errors import UserError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=10000",
)


def find_browser() -> str | None:
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def picture(html_path: Path, png_path: Path, *, width: int = 1280, height: int = 3000, dark: bool = False) -> Path:
    """Write a PNG of a local page as a window of that size shows it.

    Args:
        html_path: the page.
        png_path: where the picture goes.
        width: of the window, in pixels.
        height: of the window, in pixels.
        dark: whether the page is shown in the dark colour scheme.

    Raises:
        UserError: there is no Chromium, no such page, or the browser gave no picture.
    """
    if not html_path.is_file():
        raise UserError(f"There is no page {html_path}. Write the report first.")
    options = [f"--screenshot={png_path.resolve()}", f"--window-size={width},{height}"]
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = browse(html_path, *options, *scheme)
    if not png_path.is_file():
        raise UserError(f"The browser gave no picture of {html_path}: {done.stderr.strip()[-500:]}")
    return png_path


def browse(html_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a local page in a headless browser with a new, empty profile; what it printed.

    Raises:
        UserError: there is no Chromium, or it did not answer within a minute.
    """
    browser = find_browser()
    if browser is None:
        raise UserError(f"A picture needs a Chromium, none of {', '.join(_BROWSERS)} was found. Install chromium.")
    with tempfile.TemporaryDirectory(prefix="nassay-browser-", ignore_cleanup_errors=True) as profile:
        command = [browser, *_FLAGS, f"--user-data-dir={profile}", *options, html_path.resolve().as_uri()]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except subprocess.TimeoutExpired as error:
            raise UserError(f"{browser} did not show {html_path} within {error.timeout:.0f} s.") from error
