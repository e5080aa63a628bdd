import pytest

from nassay.errors import UserError
from nassay.estimators.proxies import proxies
from nassay.estimators.proxies.eproxy_recipe import PLAIN, Branch, Recipe

RICH = Recipe(
    branches=(Branch(("net", "wave_l"), 1.5, 3, 16, 7, 32), Branch((), 0.5, 7, 512, 1, 16)),
    learning_rate=0.7,
    network_init="xavier_normal",
    barrier_init="kaiming_uniform",
    alpha=-0.3,
    max_macs=187166720,
)
RICH_TEXT = (
    "lr=0.7/net=xavier_normal/barrier=kaiming_uniform/alpha=-0.3@187166720/net+wave_l*1.5-3x16-7x32/zero*0.5-7x512-1x16"
)


def test_plain_eproxy_is_that_of_the_paper() -> None:
    assert str(PLAIN) == "lr=1.2/net=default/barrier=default/net*1-1x512-3x64"
    assert PLAIN.alpha == 0


def test_a_recipe_reads_as_it_prints() -> None:
    assert str(RICH) == RICH_TEXT
    for recipe in (PLAIN, RICH, Recipe(barrier=False)):
        assert Recipe.parse(str(recipe)) == recipe


def test_what_is_left_out_is_plain() -> None:
    assert Recipe.parse("lr=0.5") == Recipe(learning_rate=0.5)
    assert Recipe.parse("barrier=none").barrier is False
    assert Recipe.parse("") == PLAIN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr=fast", "not an Eproxy recipe"),
        ("lr=0", "learning rate must be positive"),
        ("momentum=1", "found momentum"),
        ("net=zeros", "initialisation is one of"),
        ("net*1-2x512-3x64", "odd"),
        ("net*1-1x512-3x1024", "1 to 512"),
        ("noise*1-1x512-3x64", "features are among"),
        ("net*1", "one reads net"),
        ("net*1.2.3-1x16-1x16", "not an Eproxy recipe"),
        ("alpha=0.5", "needs max_macs"),
        ("/".join(["net*1-1x512-3x64"] * 4), "1 to 3 branches"),
    ],
)
def test_what_is_no_recipe_is_told(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Recipe.parse(text)


def test_macs_lower_or_raise_the_loss() -> None:
    recipe = Recipe(alpha=0.5, max_macs=200)
    assert recipe.value(0.8, 100) == pytest.approx(0.8 * 0.75)
    assert Recipe(alpha=-0.5, max_macs=200).value(0.8, 200) == pytest.approx(0.8 * 1.5)
    assert PLAIN.value(0.8, 100) == 0.8
    assert recipe.regression == PLAIN


def test_the_macs_term_ends_where_a_larger_loss_would_be_better() -> None:
    recipe = Recipe(alpha=0.5, max_macs=200)  # 1 - 0.5 * 400 / 200 = 0
    assert [recipe.covers(macs) for macs in (0, 399, 400, 1000)] == [True, True, False, False]
    assert Recipe(alpha=-0.5, max_macs=200).covers(1e12)
    assert PLAIN.covers(1e12)


def test_the_registry_takes_a_recipe_behind_a_colon() -> None:
    entry = proxies[RICH.name]
    assert entry.name == f"eproxy:{RICH_TEXT}"
    assert entry.info["signals"][0].recipe == RICH
    assert proxies["eproxy"].info["signals"][0].recipe == PLAIN
    with pytest.raises(UserError, match="synflow has no options"):
        proxies["synflow:lr=1"]
    with pytest.raises(UserError, match="no proxy called 'eprox'"):
        proxies["eprox:lr=1"]
