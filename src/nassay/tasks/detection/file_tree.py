"""The files of a source, a folder or a zip archive, by their relative names. Nothing is ever extracted."""

import io
import os
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from PIL import Image

from nassay.errors import UserError
from nassay.tasks.folders import FORMATS, is_image
from nassay.tasks.image_data import SPLIT_ALIASES

# Of damaged, encrypted or unknown members of an archive.
_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError)
LARGEST_TEXT, LARGEST_IMAGE = 1 << 30, 1 << 28  # bytes of one file, whatever an archive unpacks to


@dataclass(frozen=True)
class FileTree:
    """Files by name.

    Attributes:
        name: what the source is called.
        names: of all files, relative, with forward slashes, sorted; hidden ones are left out.
        open_file: opens one of them for reading bytes.
    """

    name: str
    names: tuple[str, ...]
    open_file: Callable[[str], IO[bytes]]

    def ending(self, suffix: str) -> list[str]:
        """The files whose names end so, in any case."""
        return [name for name in self.names if name.lower().endswith(suffix)]

    def images(self) -> list[str]:
        """The image files."""
        return [name for name in self.names if is_image(Path(name))]

    def text(self, name: str) -> str:
        """A file's text, UTF-8.

        Raises:
            UserError: the file is no such text, or larger than a gigabyte.
        """
        try:
            return self._content(name, LARGEST_TEXT).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{self.name}: {name} is not text in UTF-8: {error}.") from error

    def image(self, name: str) -> Image.Image:
        """An image, not decoded yet.

        Raises:
            OSError: there is none, or its file is larger than 256 MB.
        """
        return Image.open(io.BytesIO(self._content(name, LARGEST_IMAGE)), formats=FORMATS)

    def _content(self, name: str, most: int) -> bytes:
        try:
            with self.open_file(name) as file:
                content = file.read(most + 1)
        except _ARCHIVE_ERRORS as error:
            raise OSError(f"{name} cannot be read: {error}") from error
        if len(content) > most:
            raise OSError(f"larger than {most >> 20} MB")
        return content


def file_tree(path: Path) -> FileTree:
    """The files below a folder or in a zip archive.

    Raises:
        UserError: neither, or a damaged archive.
    """
    if path.is_dir():
        names = [Path(root, file).relative_to(path).as_posix() for root, _, files in os.walk(path) for file in files]
        return FileTree(path.resolve().name, _visible(names), lambda name: open(path / name, "rb"))
    try:
        archive = zipfile.ZipFile(path)
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read as a zip archive: {error}.") from error
    return FileTree(path.name, _visible(names), archive.open)


def _visible(names: list[str]) -> tuple[str, ...]:
    hidden = ("__MACOSX",)
    return tuple(sorted(n for n in names if not any(p.startswith(".") or p in hidden for p in PurePosixPath(n).parts)))


def split_in(name: str) -> str:
    """The split that a file's folders speak of, the innermost first, or "".

    Folders called train, val, valid, validation or test, also val2017. The file's own name says nothing:
    test_drive_01.jpg may be for training.
    """
    return _first_split(list(reversed(PurePosixPath(name).parts[:-1])))


def split_of_annotations(name: str) -> str:
    """The split of a file that annotates many images: by its folders, else by its name (instances_train2017.json)."""
    return split_in(name) or _first_split(re.split(r"[-._]", PurePosixPath(name).stem))


def _first_split(words: list[str]) -> str:
    found = (SPLIT_ALIASES.get(word.lower().rstrip("0123456789")) for word in words)
    return next((split for split in found if split), "")


class ImageIndex:
    """Finds image files by what annotations call them.

    Args:
        tree: of the source.
    """

    def __init__(self, tree: FileTree) -> None:
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in tree.images():
            self._by_stem[PurePosixPath(name).stem].append(name)

    def find(self, called: str, split: str = "") -> str | None:
        """The file, or None.

        Among files of the same name without its folders and extension those are preferred that have more of its
        extension and folders, then those of the split.

        Args:
            called: a name such as train/7.jpg, 7.jpg or 7.
            split: of the annotation.
        """
        parts = PurePosixPath(called.replace("\\", "/")).parts
        if not parts:
            return None
        known = self._by_stem.get(PurePosixPath(parts[-1]).stem, []) + self._by_stem.get(parts[-1], [])
        return max(known, key=lambda name: (_shared(parts, name), split_in(name) == split), default=None)


def _shared(parts: tuple[str, ...], name: str) -> int:
    """How many parts agree, counted from the end."""
    count = 0
    for a, b in zip(reversed(parts), reversed(PurePosixPath(name).parts), strict=False):
        if a != b:
            break
        count += 1
    return count
