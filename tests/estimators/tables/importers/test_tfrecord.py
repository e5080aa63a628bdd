"""The framing of TFRecord files and its checksum."""

import struct
from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.estimators.tables.importers.tfrecord import masked_checksum, read_records

CHECK = 0xE3069283  # CRC-32C of the digits 1 to 9, the value that catalogues of checksums give


def framed(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked_checksum(head)) + data + struct.pack("<I", masked_checksum(data))


def test_the_checksum_is_crc32c_rotated_by_fifteen_bits_plus_a_constant() -> None:
    rotated = int(f"{CHECK:032b}"[-15:] + f"{CHECK:032b}"[:-15], 2)
    assert masked_checksum(b"123456789") == (rotated + 0xA282EAD8) % 2**32
    assert masked_checksum(b"") == 0xA282EAD8  # the checksum of nothing is zero


def test_records_come_in_order(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(framed(b"one") + framed(b"") + framed(b"three" * 100))
    assert list(read_records(tmp_path / "file")) == [b"one", b"", b"three" * 100]
    (tmp_path / "empty").touch()
    assert list(read_records(tmp_path / "empty")) == []


@pytest.mark.parametrize("position", [0, 8, 12, 15])
def test_a_changed_byte_is_noticed_wherever_it_is(position: int, tmp_path: Path) -> None:
    content = bytearray(framed(b"one"))  # length 0..7, its checksum 8..11, data 12..14, their checksum 15..18
    content[position] ^= 1
    (tmp_path / "file").write_bytes(framed(b"whole") + content)
    with pytest.raises(UserError, match=f"at byte {len(framed(b'whole'))}"):
        list(read_records(tmp_path / "file"))


@pytest.mark.parametrize("length", [5, 12, 14, 18])
def test_a_cut_file_is_noticed(length: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(framed(b"one")[:length])
    with pytest.raises(UserError, match="is damaged"):
        list(read_records(tmp_path / "file"))


def test_a_foreign_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match="no TFRecord file"):
        list(read_records(tmp_path / "file"))
