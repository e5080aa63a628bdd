from collections.abc import Callable

import numpy as np
import pytest
from torch import nn

from nassay.errors import UserError
from nassay.estimators.topology import TopologyScorer, score, topologies
from nassay.spaces.base import Architecture, Graph, Space
from nassay.spaces.mobile import Mobile
from nassay.spaces.nb201 import NB201
from nassay.spaces.resnet import ResNet

NAMES = topologies.names()


def test_every_estimator_states_its_facts() -> None:
    for entry in topologies:
        assert entry.info["direction"] == 1
        assert entry.info["needs"] == frozenset({"graph"})
        assert entry.info["paper"]
        assert entry.summary.endswith(".")


def test_a_module_has_no_graph() -> None:
    for estimate in score(nn.Linear(2, 2), NAMES).values():
        assert estimate.value is None
        assert "no labelled graph" in (estimate.reason or "")


def test_unknown_name() -> None:
    with pytest.raises(UserError, match="seed"):
        score(Graph(("input", "output"), ((0, 1),)), ["seed"])


def test_widths_do_not_show() -> None:
    space = ResNet()
    for estimate in TopologyScorer(space, NAMES).score_all([space.smallest()])[0].values():
        assert "widths and strides" in (estimate.reason or "")


@pytest.mark.parametrize("make", [NB201, Mobile])
def test_spaces_of_operations_are_scored(make: Callable[[], Space]) -> None:
    space, rng = make(), np.random.default_rng(0)
    architectures = [space.smallest(), *(space.sample(rng) for _ in range(20))]
    rows = TopologyScorer(space, NAMES).score_all(architectures)
    for architecture, row in zip(architectures, rows, strict=True):
        dead = isinstance(space, NB201) and space.is_dead(architecture)
        assert {name for name, estimate in row.items() if estimate.value is None} == (set(NAMES) if dead else set())


def test_isomorphic_cells_score_the_same() -> None:
    space, rng = NB201(), np.random.default_rng(1)
    cells = [Architecture("nb201", tuple(int(i) for i in rng.integers(5, size=6))) for _ in range(300)]
    scorer = TopologyScorer(space, NAMES)
    own, canonical = scorer.score_all(cells), scorer.score_all([space.canonical(cell) for cell in cells])
    for a, b in zip(own, canonical, strict=True):
        for name in NAMES:
            close = b[name].value if b[name].value is None else pytest.approx(b[name].value, rel=1e-5)
            assert a[name].value == close  # tg_nas computes in single precision


def test_directions() -> None:
    scorer = TopologyScorer(NB201(), ["paths", "sed"])
    assert scorer.names == ("paths", "sed")
    assert scorer.directions == {"paths": 1, "sed": 1}
