"""The surrogates over sentences: forms by an independent computation, folds, new tokens, and what they learn."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from nassay.estimators.predictors import sequence
from nassay.estimators.predictors.sequence import MEMBERS, SURROGATES, AverageMLP, SequenceEnsemble, padded

KINDS = sorted(SURROGATES)
Sentence = list[tuple[int, ...]]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "WIDTH", 12)


def sentences(count: int, words: int, seed: int = 0) -> list[Sentence]:
    """Words of two tokens out of six."""
    rng = np.random.default_rng(seed)
    return [[(int(a), int(b)) for a, b in rng.integers(6, size=(words, 2))] for _ in range(count)]


def quality(sentence: Sentence) -> float:
    """The mean over words of what their tokens are worth."""
    worth = (0.1, 0.4, 0.2, 0.9, 0.5, 0.7)
    return float(np.mean([worth[a] + worth[b] for a, b in sentence]))


def test_padding_keeps_tokens_and_lengths() -> None:
    tokens, lengths = padded([[(1, 2)], [(3, 4), (5, 0)]])
    assert tokens.tolist() == [[[1, 2], [0, 0]], [[3, 4], [5, 0]]]
    assert lengths.tolist() == [1, 2]


def test_the_mlp_averages_the_joined_embeddings_over_words() -> None:
    """Member by member, word by word, against the one product over all of them."""
    torch.manual_seed(0)
    model = AverageMLP(6, 2)
    with torch.no_grad():
        for bias in model.biases:
            bias.normal_()
    batch = [*sentences(3, 4), *sentences(2, 1, seed=1)]
    found = model(*padded(batch))
    for member in range(MEMBERS):
        for i, sentence in enumerate(batch):
            joined = torch.stack([torch.cat([model.embedding[member, t] for t in word]) for word in sentence])
            x = joined.mean(0)
            for layer, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
                x = (x.relu() if layer else x) @ weight[member] + bias[member, 0]
            assert found[member, i].item() == pytest.approx(x.item(), abs=1e-5)


def test_the_mlp_does_not_see_the_order_of_words_the_lstm_does() -> None:
    for kind, same in (("mlp", True), ("lstm", False)):
        torch.manual_seed(0)
        model = SURROGATES[kind](6, 2)
        there, back = ([(0, 1), (2, 3), (4, 5)], [(4, 5), (2, 3), (0, 1)])
        assert torch.allclose(model(*padded([there])), model(*padded([back])), atol=1e-6) == same


def test_longer_neighbours_do_not_change_a_prediction(kind: str) -> None:
    short, long = sentences(4, 2), sentences(4, 5, seed=1)
    model = SequenceEnsemble(kind, 6).fit(short + long, [quality(s) for s in short + long])
    assert model.predict(short + long)[:4] == pytest.approx(model.predict(short), abs=1e-5)


def test_what_can_be_learned_is_learned(kind: str) -> None:
    train, held_out = sentences(80, 3), sentences(60, 3, seed=1)
    model = SequenceEnsemble(kind, 6).fit(train, [quality(s) for s in train])
    assert spearmanr(model.predict(held_out), [quality(s) for s in held_out])[0] > 0.8


def test_the_mlp_extrapolates_to_a_longer_sentence() -> None:
    train, longer = sentences(40, 1) + sentences(80, 2, seed=1), sentences(60, 3, seed=2)
    model = SequenceEnsemble("mlp", 6).fit(train, [quality(s) for s in train])
    assert spearmanr(model.predict(longer), [quality(s) for s in longer])[0] > 0.7


def test_each_member_lacks_a_fifth_of_the_data(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member's loss does not depend on the targets that it does not see: its weights of them are zero."""
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(SequenceEnsemble, "_train", lambda self, tokens, lengths, target, weights: seen.append(weights))
    SequenceEnsemble(kind, 6).fit(sentences(20, 2), np.linspace(0, 1, 20))
    (weights,) = seen
    assert ((weights == 0).sum(1) == 4).all()
    assert ((weights == 0).sum(0) == 1).all()
    assert weights.sum(1) == pytest.approx(1)


def test_before_training_it_predicts_the_mean(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last bias is the logit of the mean target, which for 0, 0, 1, 1 is a half; embeddings start near zero."""
    monkeypatch.setattr(SequenceEnsemble, "_train", lambda *arguments: None)
    monkeypatch.setattr(sequence, "EMBEDDED", 0.0)
    even = SequenceEnsemble(kind, 6).fit(sentences(4, 2), [0, 0, 1, 1]).model.biases[-1]
    high = SequenceEnsemble(kind, 6).fit(sentences(4, 2), [0, 1, 1, 1]).model.biases[-1]
    assert even.flatten().tolist() == pytest.approx([0] * MEMBERS, abs=1e-6)
    assert high.flatten().tolist() == pytest.approx([np.log(0.7 / 0.3)] * MEMBERS, abs=1e-5)  # targets 0.1 and 0.9


def test_unseen_tokens_start_at_zero(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SequenceEnsemble, "_train", lambda *arguments: None)
    model = SequenceEnsemble(kind, 6).fit([[(1, 2)], [(1, 4), (2, 2)]], [0.0, 1.0]).model
    zero = (model.embedding == 0).all(2).all(0)
    assert zero.tolist() == [True, False, False, True, False, True]


@pytest.mark.parametrize("values", [[0.3], [0.5, 0.5, 0.5]])
def test_one_sentence_or_equal_values_are_enough(kind: str, values: list[float]) -> None:
    batch = sentences(len(values), 2)
    assert np.isfinite(SequenceEnsemble(kind, 6).fit(batch, values).predict(batch)).all()


def test_any_scale_will_do() -> None:
    batch = sentences(20, 2)
    values = np.array([quality(s) for s in batch])
    first = SequenceEnsemble("mlp", 6).fit(batch, values.tolist()).predict(batch)
    scaled = SequenceEnsemble("mlp", 6).fit(batch, (100 * values - 700).tolist()).predict(batch)
    assert scaled == pytest.approx(first, abs=1e-3)


def test_the_seed_alone_decides_and_global_randomness_is_left_alone(kind: str) -> None:
    batch = sentences(10, 2)
    values = [quality(s) for s in batch]
    state = torch.get_rng_state()
    first, again, other = (SequenceEnsemble(kind, 6, seed).fit(batch, values).predict(batch) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_large_batches_are_predicted_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = sentences(11, 2)
    model = SequenceEnsemble("mlp", 6).fit(batch, [quality(s) for s in batch])
    whole = model.predict(batch)
    monkeypatch.setattr(sequence, "CHUNK", 4)
    assert model.predict(batch) == pytest.approx(whole, abs=1e-6)
