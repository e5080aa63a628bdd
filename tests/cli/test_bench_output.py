from pathlib import Path

from nassay.cli.bench_output import print_bench, print_zero_shot


def share(tau):
    return {
        "share": 1.0,
        "n": 10,
        "kendall_tau": tau,
        "ci_low": None,
        "ci_high": None,
        "spearman_rho": tau,
        "rho_ci_low": None,
        "rho_ci_high": None,
        "reason": None,
    }


def row(name, tau):
    return {
        "name": name,
        "shares": [share(tau)] * 5,
        "coverage": 1.0,
        "picked": 90.0,
        "regret": 1.0,
        "milliseconds": 1.0,
        "reasons": {},
        "published": [],
        "sees": "nothing",
    }


SUMMARY = {
    "table": "nasbench201",
    "dataset": "cifar10",
    "metric": "accuracy",
    "unit": "percent",
    "n": 10,
    "table_size": 15625,
    "networks": 10,
    "seed": 0,
    "inputs": "noise",
    "best": {"value": 91.0},
    "mean": 80.0,
    "rows": [row("zen", 0.5), row("params", 0.4), row("macs", 0.4), row("random", 0.0)],
}


def test_one_benchmark(capsys):
    print_bench(Path("run"), SUMMARY)
    out = capsys.readouterr().out
    assert out.startswith("zen ranks cifar10 best: τ .500, params .400.")
    assert "run/report.html" in out
    assert "│ random " in out


def test_all_benchmarks(capsys):
    line = {"name": "zen", "rho": 0.5, "worst": 0.5, "rho_best": None, "ahead": 0, "behind": 0, "benchmarks": 1}
    line |= {"relative_regret": None, "milliseconds": None}
    summary = {"overview": [line], "findings": ["It is so."], "benchmarks": [SUMMARY], "absent": ["nds: no file"]}
    print_zero_shot(Path("run"), {**summary, "seed": 0})
    out = capsys.readouterr().out
    for text in ("• It is so.", "Left out: nds: no file", "10 of 15,625 architectures, seed 0: zen ranks cifar10 best"):
        assert text in out
