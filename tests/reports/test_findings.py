from scipy.stats import binomtest

from nassay.reports import findings
from nassay.reports.comparison import columns


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_headline_says_what_is_known(sample):
    assert (
        plain(findings.headline(sample.summary)) == "The best network found: 97.2 % test accuracy at 1.92 ms latency."
    )
    assert findings.headline({}) == "No network has been trained to the end yet."
    assert findings.headline({"best": {"architecture": "a"}}) == "The best network found so far."
    untested = {"best": {"validation_accuracy": 0.9, "test_accuracy": None}}
    assert plain(findings.headline(untested)) == "The best network found: 90.0 % validation accuracy."
    predicted = {"best": {"latency_ms": 2.0, "latency_predicted": True}}
    assert "(predicted)" in findings.headline(predicted)


def test_certainty_gives_wilson_and_both_differences(sample):
    first, reference, random = map(plain, findings.certainty(sample.summary))
    low, high = binomtest(350, 360).proportion_ci(0.95, method="wilson")
    assert "360 test items" in first
    assert f"{100 * low:.1f} % to {100 * high:.1f} %" in first
    assert "reference network: +1.1 percentage points" in reference
    assert "too close to call" in reference
    assert "the best random draw under the same limits: +4.7" in random
    assert "the test items support" in random


def test_a_training_that_has_hardly_begun_is_said_first(sample):
    assert "Trained for" not in " ".join(findings.certainty(sample.summary))
    sample.summary["best"]["epochs"] = 0.0968
    assert findings.certainty(sample.summary)[0].startswith("Trained for 0.097 epochs only")


def test_without_a_test_accuracy_nothing_is_claimed(sample):
    assert "nothing is known" in findings.certainty({"best": {"test_accuracy": None}, "task": {"test": 100}})[0]
    assert "nothing is known" in findings.certainty({"best": {"test_accuracy": 0.9}})[0]
    sample.summary["random"]["test_accuracy"] = None
    assert "nothing can be said" in findings.certainty(sample.summary)[2]


def test_a_metric_that_is_no_share_has_no_interval():
    assert findings.accuracy_interval({"task": {"test": 10}}, {"test_accuracy": 31.7}) is None


def test_another_metric_is_called_by_its_name_and_promises_no_interval(sample):
    sample.summary["task"] |= {"metric": "recall_at_1", "share_of_items": False}
    assert "97.2 % test recall at 1 at" in plain(findings.headline(sample.summary))
    first, reference, _ = map(plain, findings.certainty(sample.summary))
    assert first.startswith("Measured on 360 test items that the search never saw: recall at 1 is no share of items")
    assert reference == "Against the reference network: +1.1 percentage points, one network each."
    assert "Test recall at 1" in [column.heading for column in columns(sample.summary)]


def test_latency_terms():
    facts = {"p10_ms": 1.8, "p90_ms": 2.0, "threads": 1, "runs": 200, "batch": 1}
    text = plain(findings.latency_terms({"latency": facts}))
    assert text == "middle 80 % of runs 1.80 to 2.00 ms, 1 thread, 200 runs, batch 1"
    assert "not measured" in findings.latency_terms({"latency_predicted": True})
    assert findings.latency_terms({}) == "how it was measured is not recorded"


def test_limits_sentence():
    best = {"latency_ms": 3.0}
    assert findings.limits_sentence({}) == "No limits were set."
    assert findings.limits_sentence({"best": best, "constraints": {"max_latency_ms": 2}}) == "Limits broken: latency."
    assert findings.limits_sentence({"best": best, "constraints": {"max_latency_ms": 4}}) == "All limits are kept."
    predicted = {"best": {"latency_ms": 3.0, "latency_predicted": True}, "constraints": {"max_latency_ms": 4}}
    assert findings.limits_sentence(predicted) == "All limits are kept (latency: as predicted, not as measured)."
    assert "Not known" in findings.limits_sentence({"best": best, "constraints": {"max_params": 4}})


def test_a_winner_is_not_compared_with_itself(sample):
    sample.summary["random"] = dict(sample.summary["best"])
    sentences = findings.certainty(sample.summary)
    assert sentences[-1] == "The winner is itself the best random draw under the same limits."
    assert sentences[-2].startswith("Against the reference network: ")


def test_facts_leave_out_what_is_unknown(sample):
    assert findings.facts({}) == []
    facts = dict(findings.facts(sample.summary))
    assert facts["Items"] == "1149 train, 288 validation, 360 test"
    assert facts["Limits"] == "max_latency_ms = 2, max_params = 500000"
    assert facts["Seed"] == "0"
    assert facts["Continued"] == "once"


def test_what_a_search_for_a_proxy_has_found():
    found = {
        "proxy": "eproxy:lr=0.7", "labelled": 11, "evaluations": 40, "trusted": True,
        "expected_rho": 0.75, "plain_rho": 0.5, "concordance": 0.8,
    }  # fmt: skip
    sentence = findings.adaptation_sentence(found)
    assert "40 recipes on 11 trained networks: eproxy:lr=0.7" in sentence
    assert "80" in sentence
    assert "0.75" in sentence
    untrusted = findings.adaptation_sentence({**found, "trusted": False, "concordance": None})
    assert "none was used" in untrusted
    assert findings.adaptation_sentence({"reason": "no time"}) == "No few-shot proxy was searched: no time."
