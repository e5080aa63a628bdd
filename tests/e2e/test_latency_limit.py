"""A limit on latency holds for the exported file."""

import pytest


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("strategy", ["random", "cascade"])
def test_the_exported_file_keeps_the_limit(images, nassay, tools, strategy):
    limit = 0.5
    words = ("--space", "mobile", "--strategy", strategy, "--evaluations", "4", "--workers", "1", "--out", "run")
    code, out, err = nassay("search", images, *words, "--max-latency-ms", limit, "--json")
    assert code == 0, err
    summary = tools.strict(out)
    assert summary["best"]["latency_ms"] <= limit
    assert summary["constraints"]["max_latency_ms"] == limit
    assert summary["evaluations"]["latency_ms"]["ok"] >= 4
    assert (nassay.folder / "run" / "best" / "model.onnx").exists()


def test_a_latency_that_no_network_reaches_is_refused_with_the_smallest(images, nassay, tools):
    code, out, err = nassay("search", images, *tools.search, "--out", "run", "--max-latency-ms", "0.00001", "--json")
    assert (code, out) == (2, "")
    assert "max_latency_ms = 1e-05 ms, but the smallest network has 0." in " ".join(err.split())
    assert "Traceback" not in err
    assert not (nassay.folder / "run").exists()
