"""NAS-Bench-201's columns, and the published table against what the papers say of it."""

from pathlib import Path

import pytest

from nassay.estimators.tables import Table, open_table


@pytest.fixture
def whole(published: Path) -> Table:
    if not (published / "nasbench201.parquet").is_file():
        pytest.skip(f"{published}/nasbench201.parquet is missing")
    return open_table("nasbench201", published)


def test_seeds_epochs_and_costs_are_read_from_the_names_of_columns(folder: Path) -> None:
    series = {s.column: s for s in open_table("nasbench201", folder).series("cifar100")}
    assert set(series) == {"cifar100_test_acc_200_seed777", "cifar100_test_acc_200_seed888"}
    found = series["cifar100_test_acc_200_seed888"]
    assert (found.split, found.epochs, found.seed, found.unit) == ("test", 200, 888, "percent")


def test_spaces_have_the_benchmark_s_inputs_and_classes(folder: Path) -> None:
    table = open_table("nasbench201", folder)
    assert (table.space("cifar10").input_shape, table.space("cifar10").num_outputs) == ((3, 32, 32), 10)
    assert (table.space("ImageNet16-120").input_shape, table.space("ImageNet16-120").num_outputs) == ((3, 16, 16), 120)


def test_the_best_cells_are_those_of_the_paper(whole: Table) -> None:
    # "Optimal" in table 5 of arXiv:2001.00326: the best mean test accuracy of all cells.
    for dataset, best in {"cifar10": 94.37, "cifar100": 73.51, "ImageNet16-120": 47.31}.items():
        values = whole.values(dataset, merge=False)
        assert len(values) == 15_625
        assert max(values.values()) == pytest.approx(best, abs=0.006)


def test_one_value_for_each_network(whole: Table) -> None:
    merged, apart = whole.values("cifar10", "valid"), whole.values("cifar10", "valid", merge=False)
    space = whole.space("cifar10")
    members = [v for a, v in apart.items() if space.canonical(a) == space.canonical(next(iter(apart)))]
    assert merged[space.canonical(next(iter(apart)))] == pytest.approx(sum(members) / len(members))
    assert len(merged) == len({space.canonical(a) for a in apart})


def test_parameters_are_those_of_the_space(whole: Table) -> None:
    space, params = whole.space(), whole.costs("params", merge=False)
    for architecture in list(params)[::4000]:
        assert sum(p.numel() for p in space.build(architecture).parameters()) == round(params[architecture])


def test_published_scores_of_every_data_set(whole: Table, published: Path) -> None:
    if not (published / "nasbench201_zc_proxies.parquet").is_file():
        pytest.skip(f"{published}/nasbench201_zc_proxies.parquet is missing")
    for dataset in whole.datasets:
        assert {"synflow", "zen", "nwot", "flops"} <= set(whole.published_scores(dataset))
