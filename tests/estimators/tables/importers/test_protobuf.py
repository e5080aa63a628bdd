"""Messages encoded by hand."""

import struct

import pytest

from nassay.estimators.tables.importers.protobuf import fields


def test_the_example_of_the_encoding_s_own_description() -> None:
    assert fields(bytes.fromhex("089601")) == {1: [150]}


def test_every_kind_of_value() -> None:
    # Keys are 8 * number + type: 1 varint, 2 double (type 1), 3 bytes (type 2), 4 float (type 5), 16 in two bytes.
    message = b"\x08\x01" + b"\x11" + struct.pack("<d", 0.25) + b"\x1a\x02ab" + b"\x25" + struct.pack("<f", 1.5)
    assert fields(message + b"\x80\x01\x07") == {1: [1], 2: [0.25], 3: [b"ab"], 4: [1.5], 16: [7]}


def test_repeated_fields_keep_their_order() -> None:
    assert fields(b"\x0a\x01a\x0a\x00\x0a\x01b") == {1: [b"a", b"", b"b"]}


@pytest.mark.parametrize("message", [b"\x08", b"\x08\x80", b"\x11\x00\x00", b"\x1a\x05ab", b"\x25\x00", b"\x0b"])
def test_cut_messages_and_unknown_types_are_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="cut off|wire type"):
        fields(message)
