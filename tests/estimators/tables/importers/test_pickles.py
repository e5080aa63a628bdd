"""Plain data are read; whatever would run something is refused, and does not run."""

import bz2
import collections
import datetime
import pickle
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.estimators.tables.importers.pickles import load_pickle, load_pth

PLAIN = {"a": [1, 2.5, None, "text"], ("cifar10", 777): OrderedDict([(0, 1.5)]), 3: {4, 5}, "b": (True, b"x")}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_of_every_protocol(protocol: int, tmp_path: Path, save: Any) -> None:
    assert load_pickle(save(PLAIN, tmp_path / "plain.pickle.pbz2", protocol)) == PLAIN


def test_numbers_of_numpy_are_plain(tmp_path: Path, save: Any) -> None:
    content = {"params": np.float64(0.5), "seed": np.int64(777)}
    assert load_pickle(save(content, tmp_path / "numpy.pickle.pbz2")) == content
    torch.save(content, tmp_path / "numpy.pth")
    assert load_pth(tmp_path / "numpy.pth") == content


def test_the_older_name_of_numpy_s_numbers_is_known(tmp_path: Path) -> None:
    path = tmp_path / "old.pickle.pbz2"
    content = pickle.dumps(np.float64(0.5), protocol=2)
    path.write_bytes(bz2.compress(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")))
    assert load_pickle(path) == 0.5


def test_a_harmful_pickle_is_refused_before_it_runs(tmp_path: Path, save: Any, harmful: Any) -> None:
    path = save({"meta_archs": [harmful]}, tmp_path / "harmful.pickle.pbz2")
    with pytest.raises(UserError, match=r"system, which is not plain data\. Nothing in it was executed"):
        load_pickle(path)
    assert not harmful.marker.exists()


def test_a_harmful_torch_file_is_refused_before_it_runs(tmp_path: Path, harmful: Any) -> None:
    torch.save({"meta_archs": [harmful]}, tmp_path / "harmful.pth")
    with pytest.raises(UserError, match="Nothing in it was executed"):
        load_pth(tmp_path / "harmful.pth")
    assert not harmful.marker.exists()


@pytest.mark.parametrize(
    "content",
    [partial(eval, "1"), datetime.date(2020, 1, 1), collections.Counter("a"), np.zeros(2), torch.zeros(2), Path("x")],
    ids=lambda c: type(c).__name__,
)
def test_other_objects_are_refused_too(content: Any, tmp_path: Path, save: Any) -> None:
    with pytest.raises(UserError, match="not plain data"):
        load_pickle(save(content, tmp_path / "object.pickle.pbz2"))


@pytest.mark.parametrize("load", [load_pickle, load_pth])
@pytest.mark.parametrize("content", [b"", b"BZh9 no more", b"\x80\x04K", bytes(range(256))])
def test_damaged_files_are_named(load: Any, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(content)
    with pytest.raises(UserError, match="damaged was not read"):
        load(tmp_path / "damaged")
