from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.proxies import proxies
from nassay.estimators.proxies.nassay_score import MEMBERS
from nassay.estimators.topology import topologies
from nassay.spaces.base import Architecture
from nassay.spaces.nb201 import NB201
from nassay.studies.bench_rows import (
    AGGREGATES,
    chosen,
    correlations,
    direction,
    drawn_ranks,
    rank_sum,
    rows,
    sees,
    to_score,
    trained_on,
    values_of,
)
from nassay.studies.proxy_scores import Columns, Sample

NAN = float("nan")
AZ = AGGREGATES["az_nas"].members


def sample_of(truth, owner=None):
    """Architectures 0, 1, ... of NAS-Bench-201 and their truth."""
    owner = np.arange(len(truth)) if owner is None else np.array(owner)
    architectures = [Architecture("nb201", (i % 5, i // 5, 1, 1, 1, 1)) for i in range(len(truth))]
    distinct = [architectures[owner.tolist().index(k)] for k in range(max(owner) + 1)]
    space = NB201()
    return Sample(
        "nasbench201", "cifar10", space, ("accuracy", "percent"), 15625, architectures, np.array(truth), distinct, owner
    )


def columns_of(seconds=0.25, **values):
    table = np.array(list(values.values()), dtype=np.float64)
    reasons = {n: Counter({"no": int(np.isnan(v).sum())}) for n, v in values.items() if np.isnan(v).any()}
    spent = np.full(len(values), seconds * table.shape[1])
    return Columns(tuple(values), table, np.ones(table.shape, dtype=bool), spent, reasons)


def test_all_is_everything_registered():
    names = chosen("all")
    assert names[:3] == ("params", "macs", "random")
    assert set(names) == {"params", "macs", "random", *proxies.names(), *topologies.names(), *AGGREGATES}
    assert len(set(names)) == len(names)


def test_the_baselines_are_always_there():
    assert chosen("zen, sed") == ("params", "macs", "random", "zen", "sed")
    assert chosen(["macs", "zen"]) == ("params", "macs", "random", "zen")


@pytest.mark.parametrize("wish", ["zenn", "zen,", "az_nass"])
def test_unknown_names_are_refused(wish):
    with pytest.raises(UserError, match="There is no proxy called"):
        chosen(wish)


def test_an_aggregate_needs_its_members():
    assert to_score(("params", "az_nas", "az_trainability")) == ("params", *AZ)


def test_directions_and_what_is_seen():
    assert [direction(n) for n in ("params", "random", "az_nas", "sed", "zen")] == [1] * 5
    assert direction("eproxy") == -1
    assert [sees(n) for n in ("random", "macs", "sed", "snip", "zen", "synflow")] == [
        *("nothing", "counts", "graph", "images", "noise", "ones")
    ]
    assert sees("az_nas") == "noise"


def test_a_score_that_was_fitted_to_a_table_names_it():
    assert trained_on("tg_nas") == ["nasbench101"]
    assert trained_on("sed") == trained_on("params") == trained_on("az_nas") == trained_on("eproxy:lr=1.1") == []


def test_aggregates_rank_within_the_sample():
    # ranks 1, 2, 3 of 3 in every part; the second architecture is two encodings
    parts = {name: [1.0, 2.0, 3.0] for name in AZ}
    sample = sample_of([1.0, 2.0, 3.0])
    found = values_of("az_nas", columns_of(**parts), sample)
    np.testing.assert_allclose(found, [4 * np.log(1 / 3), 4 * np.log(2 / 3), 0])
    np.testing.assert_allclose(values_of("az_nas_linear", columns_of(**parts), sample), [4, 8, 12])


def test_our_score_is_made_of_counts_graphs_and_networks():
    assert to_score(("nassay", "macs")) == MEMBERS
    assert direction("nassay") == 1
    assert sees("nassay") == "counts+graph+images"
    columns = columns_of(**dict.fromkeys(MEMBERS, [1.0, 2.0, 4.0]))
    expected = len(MEMBERS) * np.log([1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(values_of("nassay", columns, sample_of([1.0, 2.0, 3.0])), expected)


def test_a_plain_rank_sum_averages_ties_and_puts_none_last():
    assert rank_sum([[1.0, 1.0, None], [None, 5.0, None]]) == [2.5 + 1.5, 2.5 + 3, None]


def test_rows_are_sorted_and_complete():
    sample = sample_of([1.0, 2.0, 3.0, 4.0], owner=[0, 1, 1, 2])
    columns = columns_of(params=[1, 2, 3], macs=[3, 2, 1], random=[1, 3, 2], zen=[1, NAN, 3])
    found = rows(("params", "macs", "random", "zen"), columns, sample, noise=False, seed=0)
    by_name = {row["name"]: row for row in found}
    # params: 1 2 2 3 against 1 2 3 4: 5 concordant of 6 pairs, one tied in the score
    assert by_name["params"]["shares"][0]["kendall_tau"] == pytest.approx(5 / np.sqrt(5 * 6))
    assert [row["name"] for row in found][0] == "params"
    assert [row["name"] for row in found][-1] == "macs"
    assert by_name["macs"]["shares"][0]["kendall_tau"] == -by_name["params"]["shares"][0]["kendall_tau"]
    assert by_name["zen"]["coverage"] == 0.5  # two of four architectures
    assert by_name["zen"]["reasons"] == {"no": 1}  # one of three networks
    assert by_name["zen"]["milliseconds"] == pytest.approx(250)
    assert by_name["params"]["pick_architecture"] == sample.space.to_string(sample.architectures[3])
    assert (by_name["params"]["picked"], by_name["params"]["regret"]) == (4, 0)
    assert [b["regret"] for b in by_name["params"]["budgets"]] == [0] * 5  # most parameters, least macs, best
    assert by_name["params"]["published"][0]["value"] == 0.578
    assert by_name["random"]["published"] == []


def test_noise_in_place_of_images_is_said():
    sample, columns = sample_of([1.0, 2.0, 3.0]), columns_of(macs=[1, 2, 3], snip=[1, 2, 3])
    for noise, word in ((True, "noise"), (False, "images")):
        found = rows(("macs", "snip"), columns, sample, noise=noise, seed=0)
        assert {row["name"]: row["sees"] for row in found} == {"macs": "counts", "snip": word}


def test_correlations_turn_scores_the_right_way():
    sample, columns = sample_of([1.0, 2.0, 3.0]), columns_of(params=[1, 2, 3], eproxy=[1, 2, 3], macs=[5, 5, 5])
    assert correlations(("params", "eproxy", "macs"), columns, sample) == [
        [1.0, -1.0, None],
        [-1.0, 1.0, None],
        [None, None, None],
    ]


def test_ranks_for_the_scatter_plots(monkeypatch):
    monkeypatch.setattr("nassay.studies.bench_rows.DRAWN", 2)
    sample, columns = sample_of([5.0, 9.0, 7.0]), columns_of(params=[1, 1, NAN])
    drawn = drawn_ranks(("params",), columns, sample)
    assert drawn["truth"] == [1, 3]  # of all three
    assert drawn["scores"] == {"params": [2.5, 2.5]}
    assert drawn["accuracies"] == [5, 9]
    assert len(drawn["architectures"]) == 2


def test_a_price_needs_a_score():
    empty = SimpleNamespace(names=("zen",), known=np.zeros((1, 3), dtype=bool), seconds=np.zeros(1))
    assert Columns.milliseconds(empty, "zen") is None
