"""Just enough of the protocol buffer encoding to read messages of numbers and messages.

Every field is a key (a varint: field number times 8 plus wire type) and a value: a varint, 8 bytes, a length and that
many bytes, or 4 bytes.
"""

import struct
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(message: bytes) -> dict[int, list[Any]]:
    """The values of each field number: whole numbers, floats of 8 or 4 bytes, or bytes.

    Raises:
        ValueError: the message is cut off, or has a wire type of another kind.
    """
    found: dict[int, list[Any]] = {}
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        value, position = _value(message, position, key & 7)
        found.setdefault(key >> 3, []).append(value)
    return found


def _value(message: bytes, position: int, wire: int) -> tuple[Any, int]:
    if wire == VARINT:
        return _varint(message, position)
    if wire == BYTES:
        length, position = _varint(message, position)
        end = position + length
        if end > len(message):
            raise ValueError("a message is cut off")
        return message[position:end], end
    if wire not in (FIXED64, FIXED32):
        raise ValueError(f"a message has the wire type {wire}")
    size, code = (8, "<d") if wire == FIXED64 else (4, "<f")
    if position + size > len(message):
        raise ValueError("a message is cut off")
    return struct.unpack_from(code, message, position)[0], position + size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message):
            raise ValueError("a message is cut off")
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
