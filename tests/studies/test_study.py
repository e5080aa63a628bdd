from dataclasses import replace

import pytest

from nassay.errors import NassayError
from nassay.estimators.base import Fidelity
from nassay.strategies.base import Request
from nassay.strategies.problem import FINAL_EPOCHS, Constraints
from nassay.studies import evaluate as evaluate_module
from nassay.studies import study as study_module
from nassay.studies.listener import Listener
from nassay.studies.plan import claim
from nassay.studies.study import Study
from nassay.studies.summary import summarize


class Heard(Listener):
    """Keeps what it is told."""

    def __init__(self):
        self.phases, self.progresses, self.messages = [], [], []

    def phase(self, name, remaining_seconds):
        self.phases.append((name, remaining_seconds))

    def progress(self, done, total, best, remaining_seconds):
        self.progresses.append((done, total, best))

    def message(self, text):
        self.messages.append(text)


@pytest.fixture
def study(tmp_path, task, plan, workers, meter, monkeypatch):
    """Makes studies in one run folder, with workers and a latency meter that answer by formulas."""
    monkeypatch.setattr(study_module, "Executor", workers)
    monkeypatch.setattr(evaluate_module, "LatencyEstimator", meter)
    opened = []

    def make(listener=None, *, folder="run", **changes):
        own = replace(plan, **changes)
        (tmp_path / folder).mkdir(exist_ok=True)
        claim(tmp_path / folder, own, task)
        opened.append(Study(tmp_path / folder, own, task, listener or Listener()))
        return opened[-1]

    yield make
    for one in opened:
        one.__exit__()


def names(study, finish):
    text = study.evaluator.text
    return {
        "finalists": [text(a) for a in finish.finalists],
        "reference": text(finish.reference),
        "random": text(finish.random) if finish.random else None,
        "values": {text(r.request.architecture): r.value for r in finish.records},
    }


def trainings(workers):
    return [job for job in workers.jobs if job["kind"] == "training"]


def test_a_search_trains_what_it_may_and_finishes_finalists_reference_and_random_alike(study, workers):
    one = study(strategy="random", evaluations=6)
    finish = one.search()
    short = [job for job in trainings(workers) if not job["fidelity"]["final"]]
    final = [job for job in trainings(workers) if job["fidelity"]["final"]]
    assert len(short) == 6
    assert {job["fidelity"]["epochs"] for job in final} == {FINAL_EPOCHS}
    assert {tuple(job["choices"]) for job in final} == {
        a.choices for a in (*finish.finalists, finish.reference, finish.random)
    }
    assert (finish.fidelity.epochs, finish.fidelity.final) == (FINAL_EPOCHS, True)


def test_finalists_are_ordered_by_their_final_value(study):
    finish = study(strategy="random", evaluations=6).search()
    values = [finish.record(a).value for a in finish.finalists]
    assert len(values) == 2
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("strategy", ["cascade", "random", "evolution"])
@pytest.mark.parametrize("stop_after", [1, 5])
def test_a_study_stopped_and_given_again_ends_as_an_uninterrupted_one(study, workers, strategy, stop_after):
    settings = {"strategy": strategy, "space": "nb201"}
    workers.stop_after = stop_after
    with pytest.raises(KeyboardInterrupt):
        study(**settings).search()
    workers.stop_after = None
    resumed = study(**settings)
    found = names(resumed, resumed.search())
    paid = [repr(job) for job in workers.jobs]
    assert len(paid) == len(set(paid))  # nothing was paid for twice

    straight = study(**settings, folder="straight")
    assert names(straight, straight.search()) == found

    jobs, rows = len(workers.jobs), resumed.ledger.records()
    again = study(**settings)
    assert names(again, again.search()) == found
    assert len(workers.jobs) == jobs  # a third time costs nothing
    assert again.ledger.records() == rows


def test_other_seeds_draw_other_networks(study):
    first, second = study(strategy="random"), study(strategy="random", seed=1, folder="other")
    assert names(first, first.search())["finalists"] != names(second, second.search())["finalists"]


def test_costs_of_what_was_trained_are_estimators_in_the_ledger(study):
    one = study(strategy="random")
    one.search()
    rows = {(r["architecture"], r["estimator"]): r["value"] for r in one.ledger.records()}
    trained = [a for a, e in rows if e == "training" and a.startswith("resnet")]
    assert trained
    for text in trained:
        profile = one.problem.profile(one.space.from_string(text))
        assert rows[text, "params"] == profile.params
        assert rows[text, "macs"] == profile.macs
        assert rows[text, "peak_memory_bytes"] == profile.peak_memory_bytes


def test_a_latency_limit_holds_for_the_finalists_as_measured(study):
    heard = Heard()
    limit = 2.0
    one = study(heard, strategy="random", space="nb201", constraints=Constraints(max_latency_ms=limit))
    finish = one.search()
    assert all(one.latency_ms(a) <= limit for a in finish.finalists)
    assert any(r["estimator"] == "predicted_latency_ms" for r in one.ledger.records())
    assert one.latency_ms(finish.reference) <= limit or "narrowest form is still too large" in heard.messages[-1]


def test_failures_are_survived_as_long_as_something_succeeds(study, workers):
    workers.fails = staticmethod(lambda job: len(trainings(workers)) % 2 == 0)
    one = study(strategy="random", evaluations=6)
    finish = one.search()
    assert finish.finalists
    failed = [r for r in one.ledger.records() if r["value"] is None]
    assert {r["reason"] for r in failed} == {"the loss became nan"}


def test_a_search_in_which_nothing_succeeds_says_so(study, workers):
    workers.fails = staticmethod(lambda job: True)
    with pytest.raises(NassayError, match="No candidate could be trained") as error:
        study(strategy="random").search()
    assert error.value.exit_code == 1


def test_the_listener_hears_phases_in_order_and_progress(study):
    heard = Heard()
    study(heard, strategy="cascade", space="nb201").search()
    phases = list(dict.fromkeys(name for name, _ in heard.phases))
    assert phases == ["feasible", "screen", "adapt", "climb", "finish"]
    assert all(remaining is None for _, remaining in heard.phases)
    assert all(0 <= done <= total for done, total, _ in heard.progresses)
    best = [b for _, _, b in heard.progresses if b is not None]
    assert best == sorted(best)


def test_under_a_wall_clock_bounds_are_seconds_and_what_remains_is_told(study, workers):
    heard = Heard()
    one = study(heard, strategy="random", minutes=1.0, evaluations=None)
    finish = one.search()
    assert all(job["fidelity"]["seconds"] > 0 for job in trainings(workers))
    assert 1.0 <= finish.fidelity.seconds < 60
    assert all(0 < remaining <= 60 for _, remaining in heard.phases)


def test_the_final_bound_is_decided_once(study, workers):
    first = study(strategy="random", minutes=1.0, evaluations=None)
    bound = first.search().fidelity
    workers.jobs.clear()
    again = study(strategy="random", minutes=1.0, evaluations=None)
    again.clock._earlier += 30  # half of the time has gone
    assert again.search().fidelity == bound
    assert workers.jobs == []


@pytest.mark.parametrize(("space", "strategy"), [("nb201", "random"), ("mobile", "evolution")])
def test_a_finished_study_that_is_given_again_late_has_the_same_finalists(study, space, strategy):
    """All of its time has gone, which says nothing of a search that is paid for."""
    settings = {"space": space, "strategy": strategy, "minutes": 1.0, "evaluations": None}
    first = study(**settings)
    found = names(first, first.search())
    again = study(**settings)
    again.clock._earlier = 65.0
    assert names(again, again.search()) == found


def test_a_search_that_was_late_stops_at_the_same_batch_when_it_is_given_again(study, workers):
    def begun():
        one = study(strategy="evolution", space="nb201", minutes=1.0, evaluations=None)
        ask = one.strategy.ask

        def late():
            if len(trainings(workers)) >= 4:
                one.clock._earlier = 58.0
            return ask()

        one.strategy.ask = late
        return one

    first = begun()
    found = names(first, first.search())
    jobs = len(workers.jobs)
    again = begun()
    assert names(again, again.search()) == found
    assert len(workers.jobs) == jobs
    assert found["random"] is None or found["random"] in found["values"]


def test_while_finalists_are_trained_the_reference_is_not_the_best_so_far(study):
    one = study(strategy="random", space="nb201")
    finish = one.search()
    finals = {one.evaluator.text(a): finish.record(a).value for a in finish.finalists}
    assert summarize(one.ledger, one.plan)["best"]["architecture"] == max(finals, key=finals.get)
    values = [r.value for r in finish.records if r.request.architecture not in finish.finalists]
    assert one.best not in values


def test_where_all_trained_networks_are_too_slow_the_smallest_is_finished(study):
    heard = Heard()
    one = study(heard, strategy="random", constraints=Constraints(max_latency_ms=1e3))
    one.strategy.best_measured = lambda candidates, count: _none()
    finish = one.search()
    assert finish.finalists == [one.space.smallest()]
    assert any("the smallest one is finished" in text for text in heard.messages)


def _none():
    return []
    yield


def test_a_search_that_is_late_finishes_with_the_best_so_far(study, workers):
    heard = Heard()
    one = study(heard, strategy="evolution", space="nb201", minutes=1.0, evaluations=None)
    ask = one.strategy.ask

    def late():
        if trainings(workers):
            one.clock._earlier = 58.0
        return ask()

    one.strategy.ask = late
    finish = one.search()
    assert any("share of the time is over" in text for text in heard.messages)
    records = [r for r in one.ledger.records() if r["estimator"] == "training" and "final" not in r["fidelity"]]
    best = max(records, key=lambda r: r["value"])
    assert [one.evaluator.text(a) for a in finish.finalists] == [best["architecture"]]


def test_a_search_that_is_late_before_any_training_finishes_with_what_trains_fastest(study):
    one = study(strategy="cascade", minutes=1.0, evaluations=None)
    ask = one.strategy.ask

    def late():
        if any(r["estimator"] == "epoch_seconds" for r in one.ledger.records()):
            one.clock._earlier = 58.0
        return ask()

    one.strategy.ask = late
    finish = one.search()
    paced = {r["architecture"]: r["value"] for r in one.ledger.records() if r["estimator"] == "epoch_seconds"}
    assert len(set(paced.values())) > 1
    assert [one.evaluator.text(a) for a in finish.finalists] == [min(paced, key=paced.get)]


def test_a_search_that_is_late_before_its_first_training_finishes_with_what_it_was_about_to_train(study, monkeypatch):
    one = study(strategy="random", minutes=1.0, evaluations=None)
    wanted = next(one.problem.stream("wanted"))
    monkeypatch.setattr(one.strategy, "ask", lambda: [Request(wanted, "training", Fidelity(seconds=1.0))])
    one.clock._earlier = 58.0
    assert one.search().finalists == [wanted]
    assert wanted != next(one.problem.stream("random"))


def test_leaving_a_study_ends_its_workers_and_notes_its_time(study):
    one = study(strategy="random")
    one.__enter__()
    one.search()
    one.__exit__()
    assert one.executor.closed
    (session,) = one.ledger.sessions()
    assert session["seconds"] > 0
    assert {"feasible", "search", "finish"} <= set(session["phases"])
    assert sum(session["phases"].values()) == pytest.approx(session["seconds"], abs=0.05)
