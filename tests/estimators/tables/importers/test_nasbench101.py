"""NAS-Bench-101's records, encoded here byte by byte."""

import base64
import json
import struct
from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.estimators.tables import open_table
from nassay.estimators.tables.importers import run_import
from nassay.estimators.tables.importers.nasbench101 import read
from nassay.estimators.tables.importers.tfrecord import masked_checksum

CHAIN = ("hash-chain", "010001000", "input,conv3x3-bn-relu,output")
STRAIGHT = ("hash-straight", "0100", "input,output")


def evaluation(epoch: float, seconds: float, train: float, valid: float, test: float) -> bytes:
    """An `EvaluationData`: five doubles and a text."""
    numbers = b"".join(
        bytes([number << 3 | 1]) + struct.pack("<d", value)
        for number, value in enumerate((epoch, seconds, train, valid, test), start=1)
    )
    return numbers + bytes([6 << 3 | 2, 3]) + b"a/b"


def record(cell: tuple[str, str, str], epochs: int, valid: float, test: float, params: int = 300) -> bytes:
    """A framed record: three evaluations, of which the last one counts, and the number of parameters (as a varint)."""
    evaluations = [evaluation(0, 0, 0.1, 0.1, 0.1), evaluation(epochs / 2, 5, 0.5, 0.5, 0.5)]
    evaluations.append(evaluation(epochs, 10.0 * epochs, 1.0, valid, test))
    message = b"".join(b"\x0a" + bytes([len(e)]) + e for e in evaluations)
    message += b"\x10" + bytes([params & 127 | 128, params >> 7]) + b"\x19" + struct.pack("<d", 99.0)
    key, adjacency, ops = cell
    data = json.dumps([key, epochs, adjacency, ops, base64.b64encode(message).decode()]).encode()
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked_checksum(head)) + data + struct.pack("<I", masked_checksum(data))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two cells, one of them with three trainings of 4 epochs, both with one of 108, in mixed order."""
    records = [
        record(CHAIN, 4, 0.5, 0.25),
        record(STRAIGHT, 108, 0.75, 0.625),
        record(CHAIN, 4, 0.625, 0.375),
        record(CHAIN, 108, 0.875, 0.9375),
        record(CHAIN, 4, 0.75, 0.5),
    ]
    (tmp_path / "nasbench_full.tfrecord").write_bytes(b"".join(records))
    return tmp_path / "nasbench_full.tfrecord"


def test_the_last_evaluation_of_every_training_counts(file: Path) -> None:
    chain, straight = read(file).to_pylist()
    assert (chain["hash"], chain["n_vertices"], chain["n_edges"], chain["params"]) == ("hash-chain", 3, 2, 300)
    assert [chain[f"cifar10_valid_acc_4_seed{seed}"] for seed in range(3)] == [50.0, 62.5, 75.0]
    assert (chain["cifar10_test_acc_108_seed0"], chain["cifar10_train_s_108_seed0"]) == (93.75, 1080.0)
    assert (straight["cifar10_test_acc_108_seed0"], straight["cifar10_test_acc_4_seed0"]) == (62.5, None)


def test_the_table_and_its_report(file: Path, tmp_path: Path) -> None:
    report = run_import("nasbench101", file, tmp_path / "tables")
    assert report["missing"]["cifar10_valid_acc_4_seed2"] == 1
    assert report["checksum"].startswith("differs from the published one, 3d64db81")
    table = open_table("nasbench101", tmp_path / "tables")
    chain = table.space().canonical(table.space().from_string(" ".join(CHAIN[1:])))
    assert table.values(epochs=4)[chain] == pytest.approx((25 + 37.5 + 50) / 3)
    assert table.values()[chain] == 93.75
    assert len(table.values()) == 2


def test_damage_leaves_no_table(file: Path, tmp_path: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        run_import("nasbench101", file, tmp_path / "tables")
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([record(("h", "0100", "input,conv1x1-bn-relu,output"), 4, 0.1, 0.1)], "4 entries for 3 vertices"),
        ([record(CHAIN, 4, 0.1, 0.1)] * 4, "more than 3 trainings of 4 epochs"),
        ([], "holds no records"),
    ],
)
def test_records_of_another_kind_are_refused(records: list[bytes], reason: str, tmp_path: Path) -> None:
    (tmp_path / "other.tfrecord").write_bytes(b"".join(records))
    with pytest.raises(UserError, match=reason):
        read(tmp_path / "other.tfrecord")
