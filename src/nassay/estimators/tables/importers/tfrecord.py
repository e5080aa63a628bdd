"""TFRecord files: framed records with checksums, read without TensorFlow.

A record is its length (8 bytes, little endian), a checksum of these 8 bytes (4 bytes), the data, and a checksum of the
data. The checksum is CRC-32C (Castagnoli), rotated by 15 bits to the right, plus a constant.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from nassay.errors import UserError

POLYNOMIAL = 0x82F63B78
MASK = 0xA282EAD8
LARGEST = 1 << 24  # bytes; a record of NAS-Bench-101 has some hundreds


def _byte_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _byte_table()


def masked_checksum(data: bytes) -> int:
    """The masked CRC-32C of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF


def read_records(path: Path) -> Iterator[bytes]:
    """The data of every record, in order.

    Raises:
        UserError: the file ends within a record, or a checksum is wrong.
    """
    with path.open("rb") as file:
        while head := file.read(12):
            start = file.tell() - len(head)
            length = struct.unpack("<Q", head[:8])[0] if _is_sound(head) else LARGEST + 1
            if length > LARGEST:
                raise UserError(f"{path} is damaged or no TFRecord file: there is no record at byte {start}.")
            body = file.read(length + 4)
            if len(body) != length + 4 or not _is_sound(body):
                raise UserError(f"{path} is damaged: the record at byte {start} is cut off, or its checksum is wrong.")
            yield body[:-4]


def _is_sound(part: bytes) -> bool:
    """Whether the last four bytes are the checksum of those before."""
    return len(part) >= 4 and struct.unpack("<I", part[-4:])[0] == masked_checksum(part[:-4])
