"""Optional libraries: one sentence that names the extra where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from nassay.errors import UserError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around imports that need an extra of nassay.

    Args:
        name: of the extra, as pyproject.toml has it.

    Raises:
        UserError: an import failed; the text says how to install the extra.
    """
    try:
        yield
    except ImportError as error:
        raise UserError(f"This needs {error.name or 'a library'}. Install it: pip install 'nassay[{name}]'.") from error
