import json

import pytest

from nassay.errors import UserError
from nassay.reports.data import ReportData, read_run


def test_reads_summary_and_records(tmp_path):
    (tmp_path / "summary.json").write_text('{"seed": 3}')
    (tmp_path / "records.jsonl").write_text('{"estimator": "a", "value": 1}\n\n{"estimator": "b", "value": NaN}\n')
    expected = [{"estimator": "a", "value": 1}, {"estimator": "b", "value": None}]
    assert read_run(tmp_path) == ReportData({"seed": 3}, expected)


def test_either_file_will_do(tmp_path):
    (tmp_path / "records.jsonl").write_text(json.dumps({"estimator": "a"}))
    assert read_run(tmp_path) == ReportData({}, [{"estimator": "a"}])


def test_an_empty_folder_and_a_torn_file_are_said(tmp_path):
    with pytest.raises(UserError, match=r"neither summary.json nor records.jsonl"):
        read_run(tmp_path)
    (tmp_path / "summary.json").write_text('{"seed": ')
    with pytest.raises(UserError, match=r"summary.json is not JSON"):
        read_run(tmp_path)
