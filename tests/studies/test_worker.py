import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from nassay.estimators.base import Estimate, Fidelity
from nassay.spaces.base import Architecture
from nassay.studies.plan import claim
from nassay.studies.worker import Bench, answer


@pytest.fixture
def folder(tmp_path, plan, task):
    """A run folder with a plan and its data."""
    claim(tmp_path, plan, task)
    return tmp_path


@pytest.fixture
def bench(folder, plan):
    return Bench(folder, plan.to_dict())


def job_of(architecture, **fidelity):
    return {
        "kind": "training",
        "space": architecture.space,
        "choices": list(architecture.choices),
        "fidelity": Fidelity(**fidelity).__dict__,
    }


@pytest.fixture
def network(bench):
    return bench.space("resnet").smallest()


def test_a_bench_works_from_the_run_folder_alone(bench, task):
    assert bench.task.fingerprint() == task.fingerprint()
    assert bench.space("nb201").input_shape == task.input_shape
    assert bench.space("nb201").num_outputs == 3


def test_a_training_is_answered_in_plain_data(bench, network):
    found = answer(bench, job_of(network, epochs=1))
    assert json.loads(json.dumps(found)) == found
    assert 0 <= found["value"] <= 1
    assert found["reason"] is None
    assert found["details"]["epochs"] == pytest.approx(1)
    assert found["details"]["curve"][-1]["validation_accuracy"] == found["value"]


def test_a_higher_bound_continues_the_same_training(bench, folder, plan, network):
    answer(bench, job_of(network, epochs=1))
    later = answer(Bench(folder, plan.to_dict()), job_of(network, epochs=2))
    steps = [p["step"] for p in later["details"]["curve"]]
    assert steps == sorted(steps)
    straight = answer(Bench(_another(folder), plan.to_dict()), job_of(network, epochs=2))
    assert later["value"] == straight["value"]


def _another(folder):
    """The same run folder without its checkpoints."""
    copy = folder / "copy"
    copy.mkdir()
    (copy / "task").symlink_to(folder / "task")
    return copy


def test_a_bound_that_is_reached_costs_nothing_more(bench, network):
    """What a worker does that is killed after its checkpoint and before its answer."""
    first = answer(bench, job_of(network, epochs=1))
    again = answer(bench, job_of(network, epochs=1))
    assert (again["value"], again["details"]) == (first["value"], first["details"])


def test_networks_of_other_widths_have_checkpoints_of_their_own_and_bounds_share_one(bench, network):
    def path(**fidelity):
        return bench.checkpoint(network, Fidelity(**fidelity))

    assert path(epochs=1) == path(epochs=30, final=True) == path(seconds=2.5)
    other = bench.checkpoint(Architecture("resnet", tuple(c + 1 for c in network.choices)), Fidelity(epochs=1))
    assert len({path(epochs=1), path(epochs=1, channels=0.5), other}) == 3


def test_a_finished_network_is_tested_as_it_was_trained(bench, network, task):
    answer(bench, job_of(network, epochs=1, final=True))
    found = answer(bench, job_of(network, epochs=1, final=True) | {"kind": "test"})
    assert found["epochs"] == pytest.approx(1)
    assert found["train_seconds"] > 0
    assert found["test_accuracy"] * task.test_size == pytest.approx(round(found["test_accuracy"] * task.test_size))


def test_initial_weights_depend_on_seed_and_architecture_alone(bench, folder, plan, network):
    def weights(of):
        torch.rand(3)  # what else was drawn does not matter
        return next(of.training(network, Fidelity(epochs=1)).network.parameters()).detach().clone()

    again, other = Bench(folder, plan.to_dict()), Bench(folder, plan.to_dict() | {"seed": 1})
    assert torch.equal(weights(bench), weights(again))
    assert not torch.equal(weights(bench), weights(other))


def test_global_random_state_is_left_alone(bench, network):
    before = torch.random.get_rng_state()
    answer(bench, job_of(network, epochs=1))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_training_that_raises_is_a_reason(bench, network, monkeypatch):
    def explode(*arguments):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(bench, "train", explode)
    found = answer(bench, job_of(network, epochs=1))
    assert found["value"] is None
    assert found["reason"] == "training raised RuntimeError: shapes do not match"
    assert found["seconds"] > 0


def test_a_full_disk_is_not_the_candidates_fault(bench, network, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bench, "train", full)
    with pytest.raises(OSError, match="No space left"):
        answer(bench, job_of(network, epochs=1))


def test_scores_of_graphs_stand_beside_those_of_networks(bench):
    space = bench.space("nb201")
    cells = [space.smallest(), Architecture("nb201", (3,) * 6)]
    job = {"kind": "score", "space": "nb201", "choices": [list(a.choices) for a in cells]}
    both = answer(bench, job | {"proxies": ["paths", "l2_norm"]})
    assert [list(scores) for scores in both] == [["l2_norm", "paths"]] * 2
    graphs = answer(bench, job | {"proxies": ["paths"]})
    assert [scores["paths"]["value"] for scores in graphs] == [scores["paths"]["value"] for scores in both]
    assert graphs[0]["paths"]["value"] == 0.0  # one way, without a weight
    assert graphs[1]["paths"]["value"] > 0


def test_scores_are_in_the_order_of_the_architectures(bench, network):
    larger = Architecture("resnet", tuple(c + 1 for c in network.choices))
    job = {"kind": "score", "space": "resnet", "proxies": ["synflow", "naswot"]}
    both = answer(bench, job | {"choices": [list(network.choices), list(larger.choices)]})
    (alone,) = answer(bench, job | {"choices": [list(larger.choices)]})
    assert [set(scores) for scores in both] == [{"synflow", "naswot"}] * 2
    assert both[1]["synflow"]["value"] == alone["synflow"]["value"] != both[0]["synflow"]["value"]


def test_proxies_see_standardised_training_images(bench, task):
    batch = bench._batch()
    assert batch.x.shape == (16, *task.input_shape)
    assert batch.x.mean().abs() < 0.5
    assert batch.x.std() == pytest.approx(1, abs=0.3)
    assert torch.equal(batch.x, bench._batch().x)


def test_a_worker_process_answers_on_standard_output_alone_and_leaves_with_its_parent(folder, network):
    process = subprocess.Popen(
        [sys.executable, "-m", "nassay.studies.worker_process", folder, "1", "cpu"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    bad = job_of(network, epochs=1) | {"choices": [99] * len(network.choices)}
    for job in (job_of(network, epochs=1), bad):
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
    good, failed = (json.loads(process.stdout.readline())["answer"] for _ in range(2))
    assert good["value"] is not None
    assert "is not a point of 'resnet'" in failed["reason"]
    rest, errors = process.communicate(timeout=10)  # closes its input
    assert (rest, process.returncode) == ("", 0)
    assert "Traceback" in errors  # for workers.log


def test_a_worker_without_data_says_so_instead_of_failing_candidates(folder, network):
    (folder / "task" / "x_train.npy").write_bytes(b"cut")
    process = subprocess.Popen(
        [sys.executable, "-m", "nassay.studies.worker_process", folder, "1", "cpu"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(json.dumps(job_of(network, epochs=1)) + "\n")
    process.stdin.flush()
    assert "holds no complete saved task" in json.loads(process.stdout.readline())["error"]
    process.communicate()


def test_a_worker_that_starts_leaves_with_its_parent_before_it_has_done_a_job(folder):
    process = subprocess.run(
        [sys.executable, "-v", "-m", "nassay.studies.worker_process", folder, "1", "cpu"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert process.returncode == 0
    assert "import 'nassay.studies.worker'" not in process.stderr  # it left before it had imported that


@pytest.mark.parametrize(("minutes", "evaluations", "threads"), [(1.0, None, 3), (None, 4, 1)])
def test_a_super_network_has_all_cores_under_a_clock_alone(folder, plan, monkeypatch, minutes, evaluations, threads):
    """The other workers wait for it; without a clock the number of cores must not change a result."""
    settings = replace(plan, minutes=minutes, evaluations=evaluations, workers=3, threads=1).to_dict()
    seen = []
    training = SimpleNamespace(run=lambda bound: seen.append(torch.get_num_threads()) or Estimate.of(0.5))
    monkeypatch.setattr(Bench, "super_training", lambda self, space, rule, fidelity: training)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        job = job_of(Architecture("nb201", (0,) * 6), epochs=1) | {"kind": "supernet", "rule": "spos"}
        assert answer(Bench(folder, settings), job)["value"] == 0.5
        assert (seen, torch.get_num_threads()) == ([threads], 1)
    finally:
        torch.set_num_threads(before)
