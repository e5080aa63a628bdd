import io

import pytest
from rich.console import Console

from nassay.reports.bench_tables import (
    COLUMNS,
    HEADINGS,
    OVERVIEW,
    bench_cells,
    bench_headline,
    bench_notes,
    bench_table,
    bench_title,
    correlation,
    facts,
    flat_rows,
    interval,
    overview_table,
    published_text,
    quality,
    sources,
)
from nassay.reports.formats import DASH


def printed(table):
    console = Console(file=io.StringIO(), width=150)
    console.print(table)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.7412, ".741"),
        (-0.1, "−.100"),
        (1.0, "1.000"),
        (-1.0, "−1.000"),
        (0.0, ".000"),
        (-0.0001, ".000"),
        (None, DASH),
    ],
)
def test_correlations(value, text):
    assert correlation(value) == text


def test_intervals_and_values():
    assert interval(0.7, 0.78) == ".700 to .780"
    assert interval(None, 0.78) == DASH
    assert (quality(93.126, "percent"), quality(0.51239, "fraction"), quality(None, "percent")) == (
        *("93.13", "0.5124"),
        DASH,
    )


def test_a_row(bench):
    cells = dict(zip(HEADINGS, bench_cells(bench["rows"][0], "percent"), strict=True))
    assert cells["Proxy"] == "zen"
    assert (cells["τ"], cells["ρ"], cells["95 %"]) == (".700", ".800", ".600 to .800")
    assert (cells["top 50 %"], cells["5 %"]) == (".400", DASH)
    assert (cells["pick"], cells["regret"], cells["scored"].replace("\xa0", " ")) == ("92.50", "1.50", "98.0 %")
    assert (cells["published"], cells["ms"]) == ("τ .296, ρ .350", "12.5")
    assert published_text({"published": []}) == DASH


def test_title_and_headline(bench):
    assert bench_title(bench) == "nasbench201, cifar10: 1,000 of 15,625 architectures, seed 3"
    assert bench_title({**bench, "n": 15625}) == "nasbench201, cifar10: all 15,625 architectures"
    assert bench_headline(bench) == "zen ranks cifar10 best: τ .700, params .500."
    turned = {**bench, "rows": bench["rows"][1:]}
    assert bench_headline(turned) == "params ranks cifar10 best: τ .500; no proxy beats it."
    bench["rows"][0]["shares"][0]["kendall_tau"] = None
    assert bench_headline(bench) == "No proxy has a ranking here."


def test_what_the_reader_must_know(bench):
    notes = bench_notes(bench)
    assert notes[0].startswith("Truth: accuracy (percent), best 94.00, mean 88.00.")
    assert "64 inputs of Gaussian noise" in notes[1]
    assert notes[2].startswith("Networks are scored in canonical form")
    assert notes[3] == "zen: no value for 7 networks: the network is dead"
    assert len(notes) == 4
    bench["rows"][0]["trained_on"] = []
    bench["networks"] = bench["n"]  # no encoding stands for another's network
    bench["rows"][1]["reasons"] = {"the network is dead": 7, "it is too large": 1}
    assert bench_notes(bench)[2:] == [
        "zen, params: no value for 7 networks: the network is dead",
        "params: no value for 1 network: it is too large",
    ]


def test_a_ranking_of_own_labels_is_told(bench):
    assert not any("trained on" in note for note in bench_notes(bench))
    bench["rows"][0]["trained_on"] = ["nasbench201"]
    told = "zen was trained on accuracies of nasbench201: its ranking here says nothing of others."
    assert told in bench_notes(bench)


def test_the_terminal_has_it_all(bench):
    text = printed(bench_table(bench))
    assert all(word in text for word in ("zen", "params", "macs", "random", ".700", "published", "the network is dead"))


def test_one_flat_line_for_each_proxy_and_share(bench):
    lines = list(flat_rows(bench))
    assert len(lines) == 4 * 5
    assert all(set(line) == set(COLUMNS) for line in lines)
    first, *_, last = lines
    assert (first["proxy"], first["share"], first["kendall_tau"], first["tau_low"]) == ("zen", 1.0, 0.7, 0.6)
    assert (first["published_tau"], first["published_rho"]) == (0.296, 0.35)
    assert (last["proxy"], last["published_tau"]) == ("random", None)
    assert lines[4]["reason"] == "needs at least 3 architectures with both values, found 2"


def test_sources_are_named_once(bench):
    assert sources(bench) == ["a table", "a figure"]


def test_facts_say_what_networks_were_shown(bench):
    told = dict(facts(bench))
    assert told["Networks"] == "900 different ones, 10 outputs, inputs of 3x32x32"
    assert told["Batch, seed"] == "64, 3"
    smaller = dict(facts({**bench, "seen_shape": [3, 16, 16]}))
    assert smaller["Networks"].endswith("inputs of 3x32x32; proxies were shown 3x16x16")


def test_the_overview(zero_shot):
    text = printed(overview_table(zero_shot))
    assert all(word in text for word in (*OVERVIEW, "zen", "random"))
