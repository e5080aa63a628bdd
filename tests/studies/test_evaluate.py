import numpy as np
import pytest

from nassay.errors import StudyStoppedError
from nassay.estimators.base import Estimate, Fidelity
from nassay.strategies.base import Request
from nassay.studies import evaluate as evaluate_module
from nassay.studies.evaluate import SCORED_TOGETHER, Evaluator
from nassay.studies.ledger import by_estimator

BOUND = Fidelity(epochs=4)


@pytest.fixture
def networks(nb201):
    """Twenty distinct architectures."""
    rng = np.random.default_rng(0)
    return list(dict.fromkeys(nb201.canonical(nb201.sample(rng)) for _ in range(40)))[:20]


@pytest.fixture
def evaluator(nb201, ledger, workers):
    return Evaluator({"nb201": nb201}, ledger, workers())


def evaluate(evaluator, requests, calls=None):
    return evaluator.evaluate(requests, "search", lambda *done: calls.append(done) if calls is not None else None)


def test_records_come_in_the_order_of_their_requests(evaluator, networks):
    requests = [Request(a, "training", BOUND) for a in networks[:3]] + [Request(networks[0], "synflow")]
    records = evaluate(evaluator, requests)
    assert [r.request for r in records] == requests
    assert len({r.value for r in records}) == 4


def test_nothing_is_paid_for_twice(evaluator, networks, workers):
    requests = [Request(a, "training", BOUND) for a in networks[:3]]
    first = evaluate(evaluator, requests)
    again = evaluate(evaluator, [*requests, Request(networks[3], "training", BOUND)])
    assert again[:3] == first
    assert len(workers.jobs) == 4


def test_another_bound_is_another_evaluation(evaluator, networks, workers):
    evaluate(evaluator, [Request(networks[0], "training", Fidelity(epochs=e)) for e in (4, 12)])
    assert [job["fidelity"]["epochs"] for job in workers.jobs] == [12, 4]
    assert len(evaluator.ledger.records()) == 2


def test_a_request_given_twice_is_paid_for_once(evaluator, networks, workers):
    first, second = evaluate(evaluator, [Request(networks[0], "training", BOUND)] * 2)
    assert first == second
    assert len(workers.jobs) == 1


def test_proxies_of_an_architecture_travel_together_in_small_parcels(evaluator, networks, workers):
    records = evaluate(evaluator, [Request(a, p) for a in networks for p in ("synflow", "naswot")])
    assert all(r.value is not None for r in records)
    sizes = sorted(len(job["choices"]) for job in workers.jobs)
    assert sizes == sorted([SCORED_TOGETHER, SCORED_TOGETHER, 20 - 2 * SCORED_TOGETHER])
    assert all(job["proxies"] == ["synflow", "naswot"] for job in workers.jobs)


def test_a_training_is_a_specification_in_plain_data(evaluator, networks, workers):
    evaluate(evaluator, [Request(networks[0], "training", Fidelity(epochs=2, samples=0.5, final=True))])
    (job,) = workers.jobs
    assert (job["kind"], job["space"], job["choices"]) == ("training", "nb201", list(networks[0].choices))
    assert Fidelity(**job["fidelity"]) == Fidelity(epochs=2, samples=0.5, final=True)


def test_a_failing_candidate_is_a_record_with_a_reason_and_counted(evaluator, networks, workers):
    workers.fails = staticmethod(lambda job: job["choices"] == list(networks[1].choices))
    records = evaluate(evaluator, [Request(a, "training", BOUND) for a in networks[:3]])
    assert [r.value is None for r in records] == [False, True, False]
    assert records[1].estimate.reason == "the loss became nan"
    assert by_estimator(evaluator.ledger.records()) == {"training": {"ok": 2, "failed": 1}}


def test_a_failure_is_not_paid_for_again(evaluator, networks, workers):
    workers.fails = staticmethod(lambda job: True)
    first = evaluate(evaluator, [Request(networks[0], "training", BOUND)])
    assert evaluate(evaluator, [Request(networks[0], "training", BOUND)]) == first
    assert len(workers.jobs) == 1


@pytest.mark.parametrize("estimator", ["training", "synflow"])
def test_a_job_that_no_worker_survives_is_a_reason(evaluator, networks, workers, estimator):
    workers.dies = staticmethod(lambda job: True)
    (record,) = evaluate(evaluator, [Request(networks[0], estimator, BOUND if estimator == "training" else None)])
    assert "the worker process was killed 3 times" in record.estimate.reason


def test_what_was_finished_before_a_stop_is_in_the_ledger(evaluator, networks, workers):
    workers.stop_after = 2
    requests = [Request(a, "training", BOUND) for a in networks[:4]]
    with pytest.raises(KeyboardInterrupt):
        evaluate(evaluator, requests)
    assert len(evaluator.ledger.records()) == 2
    workers.stop_after = None
    assert len(evaluate(evaluator, requests)) == 4
    assert len(workers.jobs) == 4  # two before the stop, two after


def test_progress_counts_what_the_ledger_held(evaluator, networks):
    evaluate(evaluator, [Request(networks[0], "training", BOUND)])
    calls = []
    evaluate(evaluator, [Request(a, "training", BOUND) for a in networks[:3]], calls)
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_full_ledger_stops_the_study(evaluator, networks, monkeypatch):
    def full(rows, phase):
        raise StudyStoppedError("disk full")

    monkeypatch.setattr(evaluator.ledger, "add", full)
    with pytest.raises(StudyStoppedError):
        evaluate(evaluator, [Request(networks[0], "training", BOUND)])


def test_latency_is_measured_in_this_process_before_the_workers_begin(nb201, ledger, workers, networks, monkeypatch):
    jobs_before = []

    class Meter:
        def __init__(self, space):
            assert space is nb201

        def estimate(self, architectures):
            jobs_before.append(len(workers.jobs))
            return [Estimate.of(1.25, p10_ms=1.0)]

    monkeypatch.setattr(evaluate_module, "LatencyEstimator", Meter)
    evaluator = Evaluator({"nb201": nb201}, ledger, workers())
    requests = [Request(networks[0], "training", BOUND), Request(networks[0], "latency_ms")]
    assert [r.value for r in evaluate(evaluator, requests)][1] == 1.25
    assert evaluate(evaluator, requests[1:])[0].estimate.details == {"p10_ms": 1.0}
    assert jobs_before == [0]
    assert [job["kind"] for job in workers.jobs] == ["training"]
