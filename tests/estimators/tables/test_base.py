"""Look-ups by architecture: isomorphic cells, splits, epochs, seeds, costs, and what is not there."""

from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.estimators.tables import Table, open_table
from nassay.spaces.base import Architecture

CHAIN = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"
SAME_CHAIN = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|"
DEEP = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"
IDENTITY = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
DEAD = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture
def table(folder: Path) -> Table:
    return open_table("nasbench201", folder)


def canonical(table: Table, text: str) -> Architecture:
    return table.space().canonical(table.space().from_string(text))


def by_text(table: Table, values: dict[Architecture, float]) -> dict[str, float]:
    """The values of the five cells, by their strings; absent ones are left out."""
    texts = {canonical(table, text): text for text in (SAME_CHAIN, CHAIN, DEEP, IDENTITY, DEAD)}
    return {texts[architecture]: value for architecture, value in values.items()}


def test_isomorphic_cells_give_their_mean(table: Table) -> None:
    assert by_text(table, table.values()) == {CHAIN: 91.0, DEEP: 94.0, IDENTITY: 80.0}


def test_encodings_are_kept_apart_on_request(table: Table) -> None:
    space = table.space()
    expected = {CHAIN: 90.0, SAME_CHAIN: 92.0, DEEP: 94.0, IDENTITY: 80.0}
    assert table.values(merge=False) == {space.from_string(text): value for text, value in expected.items()}


def test_a_query_names_split_and_epochs(table: Table) -> None:
    assert by_text(table, table.values("cifar10", "valid"))[DEAD] == 10.0
    assert by_text(table, table.values("cifar10", epochs=12)) == {CHAIN: 71.0, DEEP: 74.0, IDENTITY: 60.0}
    assert [s.query for s in table.select("cifar10")] == ["test after 200 epochs"]


def test_no_seed_is_the_mean_over_seeds_and_a_seed_is_that_training(table: Table) -> None:
    # The chain: (60 + 62) / 2 with one seed, (64 + 62) / 2 with the other. The identity has one training only.
    assert by_text(table, table.values("cifar100")) == {CHAIN: 62.0, DEEP: 72.0, IDENTITY: 50.0}
    assert by_text(table, table.values("cifar100", seed=777)) == {CHAIN: 61.0, DEEP: 70.0}


@pytest.mark.parametrize("wish", [{"split": "train"}, {"epochs": 100}, {"seed": 777}])
def test_what_is_not_there_is_said_with_what_is(table: Table, wish: dict[str, int]) -> None:
    with pytest.raises(UserError, match=r"It has: .*test after 200 epochs; .*test after 12 epochs"):
        table.values("cifar10", **wish)


def test_data_sets_are_found_by_any_spelling(table: Table) -> None:
    assert table.dataset("IMAGENET16_120") == "ImageNet16-120"
    assert table.dataset(None) == "cifar10"
    with pytest.raises(UserError, match="Did you mean cifar10"):
        table.values("cifar1")


def test_a_data_set_without_columns_is_named(table: Table) -> None:
    with pytest.raises(UserError, match="no measurements of ImageNet16-120"):
        table.values("ImageNet16-120")


def test_costs_are_counts_and_seconds(table: Table) -> None:
    assert by_text(table, table.costs("params")) == pytest.approx({CHAIN: 1e5, DEEP: 2e5, IDENTITY: 5e4, DEAD: 5e4})
    assert by_text(table, table.costs("train_seconds")) == {CHAIN: 3100.0}
    with pytest.raises(UserError, match="no macs of cifar10; it has params, train_seconds"):
        table.costs("macs")


def test_measurements_of_an_architecture_on_every_data_set(folder: Path) -> None:
    table = open_table("nasbench201", folder)
    table.datasets = ("cifar10", "cifar100")
    found = {(m.series.dataset, m.series.query): (m.value, m.rows) for m in table.measurements(canonical(table, CHAIN))}
    assert found == {
        ("cifar10", "test after 200 epochs"): (91.0, 2),
        ("cifar10", "valid after 200 epochs"): (90.0, 2),
        ("cifar10", "test after 12 epochs"): (71.0, 2),
        ("cifar10", "params"): (pytest.approx(1e5), 2),
        ("cifar10", "train_seconds after 200 epochs"): (3100.0, 2),
        ("cifar100", "test after 200 epochs, seed 777"): (61.0, 2),
        ("cifar100", "test after 200 epochs, seed 888"): (63.0, 2),
    }


def test_measurements_of_an_absent_architecture_are_none(table: Table) -> None:
    absent = table.space().from_string("|avg_pool_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|")
    assert table.measurements(absent, "cifar10") == []


def test_published_scores_are_means_of_the_data_set_s_rows_without_failures(table: Table) -> None:
    scores = table.published_scores("cifar10")
    assert set(scores) == {"synflow", "epe_nas"}
    assert by_text(table, scores["synflow"].values) == {CHAIN: 2.0, DEEP: 9.0}
    assert by_text(table, scores["epe_nas"].values) == {CHAIN: 4.0}
    assert (scores["synflow"].seconds, scores["epe_nas"].seconds) == (1.0, None)
    assert len(table.published_scores("cifar10", merge=False)["synflow"].values) == 3


def test_tables_without_published_scores_say_so(published: Path) -> None:
    if not (published / "nasbench_macro.parquet").is_file():
        pytest.skip(f"{published}/nasbench_macro.parquet is missing")
    with pytest.raises(UserError, match="No published zero-cost scores"):
        open_table("nasbench_macro", published).published_scores()


def test_an_unknown_table_suggests_one() -> None:
    with pytest.raises(UserError, match="no table called 'nasbench202'. Did you mean .*nasbench201"):
        open_table("nasbench202")
