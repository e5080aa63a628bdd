from contextlib import closing

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.spaces.nb201 import NB201
from nassay.studies import proxy_scores
from nassay.studies.ledger import Ledger
from nassay.studies.proxy_scores import Scores, draw

SETTINGS = {"batch_size": 2, "seed": 0}


class Formula:
    """Workers whose scores are formulas of the choices; remembers the jobs, may stop in the middle."""

    def __init__(self, dies=lambda job: False, stop_after=None):
        self.jobs, self.dies, self.stop_after = [], dies, stop_after

    def run(self, jobs):
        for i, job in enumerate(jobs):
            if self.stop_after is not None and len(self.jobs) >= self.stop_after:
                raise KeyboardInterrupt
            self.jobs.append(job)
            yield i, None if self.dies(job) else [self.scores(job["names"], c) for c in job["choices"]]

    @staticmethod
    def scores(names, choices):
        plain = {"reason": None, "seconds": 0.5, "details": {}}
        found = {"total": {**plain, "value": float(sum(choices))}, "first": {**plain, "value": float(choices[0])}}
        if sum(choices) == 0:
            found["first"] |= {"value": None, "reason": "nothing is there"}
        return {name: found[name] for name in names}


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger.in_folder(tmp_path, remember=False)) as ledger:
        yield ledger


def pay(scores, workers=None):
    heard = []
    workers = workers or Formula()
    scores.pay(lambda: workers, lambda done, total: heard.append((done, total)))
    return workers, heard


def test_a_sample_is_drawn_by_its_seed(cells):
    small, large, other = (
        draw("nasbench201", None, 5, 0),
        draw("nasbench201", "CIFAR10", 12, 0),
        draw("nasbench201", None, 5, 1),
    )
    assert small.dataset == large.dataset == "cifar10"
    assert (small.size, len(small.architectures), small.metric) == (24, 5, ("accuracy", "percent"))
    assert list(large.architectures[:5]) == list(small.architectures)
    assert list(other.architectures) != list(small.architectures)
    texts = [NB201().to_string(a) for a in large.architectures]
    assert large.truth.tolist() == [60.0 + cells.index(text) for text in texts]


def test_encodings_of_one_network_share_an_owner(cells):
    every = draw("nasbench201", "cifar10", None, 0)
    texts = [NB201().to_string(a) for a in every.architectures]
    i, j = texts.index(cells[1]), texts.index(cells[2])
    assert every.owner[i] == every.owner[j]
    assert every.truth[i] != every.truth[j]
    assert len(set(every.owner.tolist())) == len(every.distinct) < 24
    canonical = [every.distinct[k] for k in every.owner]
    assert canonical == [NB201().canonical(a) for a in every.architectures]


def test_unknown_names_are_the_users_error(cells):
    with pytest.raises(UserError, match="nasbench201"):
        draw("nasbench2001", None, None, 0)
    with pytest.raises(UserError, match="cifar10"):
        draw("nasbench201", "cifar", None, 0)


def test_each_network_is_paid_for_once(cells, ledger):
    sample = draw("nasbench201", "cifar10", None, 0)
    scores = Scores(ledger, sample, ["total", "first"], "noise", SETTINGS)
    workers, heard = pay(scores)
    paid = [tuple(c) for job in workers.jobs for c in job["choices"]]
    assert paid == [a.choices for a in sample.distinct]
    assert all(len(job["choices"]) <= proxy_scores.JOB for job in workers.jobs)
    assert heard[0] == (0, len(sample.distinct))
    assert heard[-1] == (len(sample.distinct),) * 2

    again, _ = pay(scores)
    assert again.jobs == []
    columns = scores.read()
    assert columns.known.all()
    assert columns.values[0].tolist() == [sum(a.choices) for a in sample.distinct]
    dead = [sum(a.choices) == 0 for a in sample.distinct]
    assert np.isnan(columns.values[1]).tolist() == dead
    assert columns.reasons == {"first": {"nothing is there": 1}}
    assert columns.milliseconds("total") == pytest.approx(500)


def test_only_what_is_new_is_paid_for(cells, ledger):
    small, large = draw("nasbench201", "cifar10", 10, 0), draw("nasbench201", "cifar10", 20, 0)
    pay(Scores(ledger, small, ["total"], "noise", SETTINGS))
    workers, heard = pay(Scores(ledger, large, ["total", "first"], "noise", SETTINGS))
    asked = {tuple(c): job["names"] for job in workers.jobs for c in job["choices"]}
    known = {a.choices for a in small.distinct}
    assert all(names == (["first"] if choices in known else ["total", "first"]) for choices, names in asked.items())
    assert set(asked) == {a.choices for a in large.distinct}
    assert heard[0] == (0, len(large.distinct))


@pytest.mark.parametrize(("inputs", "settings"), [("images", SETTINGS), ("noise", {**SETTINGS, "seed": 1})])
def test_other_inputs_are_other_scores(cells, ledger, inputs, settings):
    sample = draw("nasbench201", "cifar10", 5, 0)
    pay(Scores(ledger, sample, ["total"], "noise", SETTINGS))
    workers, _ = pay(Scores(ledger, sample, ["total"], inputs, settings))
    assert sum(len(job["choices"]) for job in workers.jobs) == len(sample.distinct)
    assert workers.jobs[0]["settings"] == settings


def test_an_interrupt_loses_nothing_finished(cells, ledger, monkeypatch):
    monkeypatch.setattr(proxy_scores, "WINDOW", 2)
    sample = draw("nasbench201", "cifar10", None, 0)
    scores = Scores(ledger, sample, ["total"], "noise", SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        pay(scores, Formula(stop_after=3))
    assert scores.read().known.sum() == 3 * proxy_scores.JOB
    workers, heard = pay(scores)
    assert heard[0] == (3 * proxy_scores.JOB, len(sample.distinct))
    assert sum(len(job["choices"]) for job in workers.jobs) == len(sample.distinct) - 3 * proxy_scores.JOB


def test_a_job_that_kills_its_workers_is_a_reason_until_it_is_tried_again(cells, ledger):
    sample = draw("nasbench201", "cifar10", 6, 0)
    scores = Scores(ledger, sample, ["total"], "noise", SETTINGS)
    first = sample.distinct[0].choices
    _, heard = pay(scores, Formula(dies=lambda job: list(first) in job["choices"]))
    assert heard[-1] == (len(sample.distinct),) * 2
    columns = scores.read()
    lost = min(proxy_scores.JOB, len(sample.distinct))
    assert columns.known[0].tolist() == [False] * lost + [True] * (len(sample.distinct) - lost)
    assert np.isnan(columns.values[0]).tolist() == (~columns.known[0]).tolist()
    assert columns.reasons == {"total": {proxy_scores.LOST: lost}}
    assert "killed 3 times" in proxy_scores.LOST

    workers, _ = pay(scores)
    assert [tuple(c) for job in workers.jobs for c in job["choices"]] == [a.choices for a in sample.distinct[:lost]]
    assert scores.read().known.all()
    assert scores.read().reasons == {}
