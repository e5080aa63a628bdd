import json

import pytest

from nassay.errors import UserError
from nassay.studies import zero_shot
from nassay.studies.zero_shot import bench_zero_shot


@pytest.fixture(autouse=True)
def here(bench_workers, monkeypatch):
    """Workers in this process, and one table that is at hand, of 24 networks, beside one that is not."""
    monkeypatch.setattr(zero_shot, "FEWEST", 24)
    monkeypatch.setattr(zero_shot.tables, "names", lambda: ["nasbench101", "nasbench201"])


def test_every_benchmark_at_hand(cells, tmp_path):
    result = bench_zero_shot(sample=20, proxies="sed", out=tmp_path / "run", workers=1)
    (benchmark,) = result.summary["benchmarks"]  # the table has no column of the other two data sets
    assert (benchmark["table"], benchmark["dataset"], benchmark["n"]) == ("nasbench201", "cifar10", 20)
    assert (tmp_path / "run" / benchmark["folder"] / "report.html").is_file()
    left_out = result.summary["absent"]
    assert [text.split(":")[0] for text in left_out] == [
        "nasbench101",
        "nasbench201 cifar100",
        "nasbench201 ImageNet16-120",
    ]
    assert {line["name"] for line in result.summary["overview"]} == {"params", "macs", "random", "sed"}
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == json.loads(json.dumps(result.summary))
    page = (tmp_path / "run" / "report.html").read_text()
    assert result.summary["findings"][-1].split(";")[0] in page
    assert "Zero-shot estimators on 1 benchmark<" in page


def test_no_table_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("NASSAY_DATA", str(tmp_path))
    with pytest.raises(UserError, match="There is no table to hold proxies against"):
        bench_zero_shot(proxies="sed", out=tmp_path / "run", workers=1)


def test_a_table_of_few_networks_is_left_out(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(zero_shot, "FEWEST", 25)
    with pytest.raises(UserError, match="nasbench201 cifar10: it has 24 networks, this protocol needs 25"):
        bench_zero_shot(proxies="sed", out=tmp_path / "run", workers=1)
