import pytest

from nassay.gaps.published import AZ_NAS_1, LIBRA, SUITE_ZERO, published


def test_what_the_papers_print():
    assert published("zen", "nasbench201", "cifar100") == [
        {"statistic": "kendall_tau", "value": 0.283, "source": AZ_NAS_1},
        {"statistic": "spearman_rho", "value": 0.35, "source": SUITE_ZERO},
    ]
    assert [f["value"] for f in published("az_nas", "nasbench201", "ImageNet16-120")] == [0.71, 0.89]
    assert published("az_nas", "transnas_macro", "class_object") == [
        {"statistic": "spearman_rho", "value": 0.90, "source": LIBRA}
    ]


@pytest.mark.parametrize(
    ("proxy", "table", "dataset", "value"),
    [
        ("naswot", "transnas_micro", "autoencoder", 0.03),
        ("naswot", "transnas_macro", "segmentsemantic", 0.80),
        ("jacob_cov", "nasbench101", "cifar10", -0.29),
        ("macs", "transnas_macro", "room_layout", 0.48),
        ("snip", "transnas_micro", "jigsaw", 0.41),
    ],
)
def test_every_column_is_where_the_figure_has_it(proxy, table, dataset, value):
    assert [f["value"] for f in published(proxy, table, dataset)] == [value]


def test_nothing_is_known_of_others():
    assert published("random", "nasbench201", "cifar10") == []
    assert published("zen", "embedded", "digits") == []


def test_what_no_paper_prints_is_not_said():
    assert published("log_synflow", "nasbench201", "cifar10") == []
    assert published("log_synflow", "transnas_micro", "jigsaw") == []


def test_at_most_one_figure_a_statistic():
    for proxy in ("params", "macs", "zico", "synflow", "az_nas", "snip"):
        statistics = [f["statistic"] for f in published(proxy, "nasbench201", "cifar10")]
        assert len(statistics) == len(set(statistics)) > 0
