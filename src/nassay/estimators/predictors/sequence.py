"""Surrogates that read architectures as sentences of any length: PNAS's LSTM and MLP, in ensembles of five.

Liu et al. 2018, arXiv:1712.00559. A sentence is a list of words, one for each building block (`Space.words`), a word a
tuple of tokens, and every token has an embedding. The LSTM reads token after token and ends in a sigmoid. The MLP joins
the embeddings of a word, *averages over words*, so that its input has one size for any number of blocks, and ends in a
sigmoid behind two hidden layers. Both are trained on the L1 loss by Adam; each of the five members sees four fifths of
the data, and their predictions are averaged.

The sizes (100 everywhere), the initialisation of embeddings (uniform in +-0.1) and the rate of Adam are remembered from
the paper and could not be checked. Here every fit starts anew, all members take their steps on all of their data at
once, and targets are scaled to the range of the data, so that any metric will do: the paper's last bias, 1.8, says
that the sigmoid starts at the mean accuracy, and so it does here. Tokens that no training sentence holds have an
embedding of zero, as growing architectures meet new tokens with every block.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from scipy.special import logit
from torch import Tensor, nn

MEMBERS = 5
WIDTH = 100  # of embeddings, hidden layers and the LSTM's state
EMBEDDED = 0.1  # embeddings start uniform in +- this
LEARNING_RATE = 0.01
CHUNK = 4096  # sentences that are predicted together
MARGIN = 0.1  # targets lie in MARGIN .. 1 - MARGIN, so that better ones than the best so far can be predicted

Word = tuple[int, ...]
Sentence = Sequence[Word]


def padded(sentences: Sequence[Sentence]) -> tuple[Tensor, Tensor]:
    """Tokens (n, longest, word) with zeros behind the shorter sentences, and the sentences' lengths in words (n,)."""
    lengths = torch.tensor([len(s) for s in sentences])
    tokens = np.zeros((len(sentences), int(lengths.max()), len(sentences[0][0])), dtype=np.int64)
    for i, sentence in enumerate(sentences):
        tokens[i, : len(sentence)] = sentence
    return torch.from_numpy(tokens), lengths


class AverageMLP(nn.Module):
    """Embedding, mean over words, two hidden layers: all members side by side.

    Args:
        vocabulary: number of tokens.
        word: tokens of a word.
    """

    steps: ClassVar[int] = 80

    def __init__(self, vocabulary: int, word: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(MEMBERS, vocabulary, WIDTH).uniform_(-EMBEDDED, EMBEDDED))
        sizes = (word * WIDTH, WIDTH, WIDTH, 1)
        shapes = list(zip(sizes[:-1], sizes[1:], strict=True))
        self.weights = nn.ParameterList(torch.empty(MEMBERS, n, m).uniform_(-(n**-0.5), n**-0.5) for n, m in shapes)
        self.biases = nn.ParameterList(torch.zeros(MEMBERS, 1, m) for _, m in shapes)

    def prepared(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor]:
        """How often each place of a word holds each token, averaged over words: (n, word, vocabulary)."""
        n, longest, word = tokens.shape
        share = (torch.arange(longest) < lengths[:, None]) / lengths[:, None]
        counts = torch.zeros(n, word, self.embedding.shape[1])
        counts.scatter_add_(2, tokens.transpose(1, 2), share[:, None].expand(n, word, longest))
        return (counts,)

    def logits(self, counts: Tensor) -> Tensor:
        """What `prepared` gives -> (members, n)."""
        x = torch.matmul(counts.flatten(0, 1), self.embedding).view(MEMBERS, len(counts), -1)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x if i == 0 else x.relu(), weight)
        return x[..., 0]

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(n, longest, word) tokens, (n,) lengths -> (members, n) logits."""
        return self.logits(*self.prepared(tokens, lengths))


class LSTM(nn.Module):
    """Embedding, an LSTM over all tokens, a linear layer on its last state.

    Args:
        vocabulary: number of tokens.
        word: tokens of a word.
    """

    steps: ClassVar[int] = 40

    def __init__(self, vocabulary: int, word: int) -> None:
        super().__init__()
        del word
        self.embedding = nn.Parameter(torch.empty(MEMBERS, vocabulary, WIDTH).uniform_(-EMBEDDED, EMBEDDED))
        self.states = nn.ModuleList(nn.LSTM(WIDTH, WIDTH, batch_first=True) for _ in range(MEMBERS))
        self.outputs = nn.ModuleList(nn.Linear(WIDTH, 1) for _ in range(MEMBERS))
        self.biases = nn.ParameterList([torch.zeros(MEMBERS, 1, 1)])

    def prepared(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Sentences as rows of tokens (n, longest * word), and where the last token stands (n,)."""
        return tokens.flatten(1), lengths * tokens.shape[2] - 1

    def logits(self, sentences: Tensor, last: Tensor) -> Tensor:
        """What `prepared` gives -> (members, n)."""
        rows = torch.arange(len(sentences))
        logits = []
        for embedding, states, output in zip(self.embedding, self.states, self.outputs, strict=True):
            states_over_time, _ = states(embedding[sentences])
            logits.append(output(states_over_time[rows, last])[:, 0])
        return torch.stack(logits) + self.biases[0][..., 0]

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(n, longest, word) tokens, (n,) lengths -> (members, n) logits."""
        return self.logits(*self.prepared(tokens, lengths))


SURROGATES: dict[str, type[AverageMLP] | type[LSTM]] = {"mlp": AverageMLP, "lstm": LSTM}


class SequenceEnsemble:
    """Five surrogates of one kind, each trained on four fifths of the data.

    Args:
        kind: `mlp` or `lstm`.
        vocabulary: number of tokens that sentences may hold.
        seed: of the initialisation and of the fifths.
    """

    def __init__(self, kind: str, vocabulary: int, seed: int = 0) -> None:
        self.kind, self.vocabulary, self.seed = kind, vocabulary, seed

    def fit(self, sentences: Sequence[Sentence], values: Sequence[float]) -> "SequenceEnsemble":
        """Train on sentences and their values, higher is better; at least one."""
        y = np.asarray(values, dtype=np.float64)
        low, high = y.min(), y.max()
        scaled = (y - low) / (high - low) if high > low else np.full(len(y), 0.5)
        target = torch.tensor(MARGIN + (1 - 2 * MARGIN) * scaled, dtype=torch.float32)
        tokens, lengths = padded(sentences)
        fifth = np.random.default_rng(self.seed).permutation(len(y)) % MEMBERS
        seen = torch.tensor(fifth[None] != np.arange(MEMBERS)[:, None], dtype=torch.float32)
        if len(y) < MEMBERS:
            seen = torch.ones_like(seen)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.model = SURROGATES[self.kind](self.vocabulary, tokens.shape[2])
        self._start(tokens, lengths, target)
        self._train(tokens, lengths, target, seen / seen.sum(1, keepdim=True))
        return self

    def _start(self, tokens: Tensor, lengths: Tensor, target: Tensor) -> None:
        """The sigmoid starts at the mean; unseen tokens at zero."""
        with torch.no_grad():
            self.model.biases[-1] += float(logit(float(target.mean())))
            known = torch.zeros(self.vocabulary, dtype=torch.bool)
            known[tokens[torch.arange(tokens.shape[1]) < lengths[:, None]].flatten()] = True
            self.model.embedding[:, ~known] = 0

    def _train(self, tokens: Tensor, lengths: Tensor, target: Tensor, weights: Tensor) -> None:
        optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.model.steps)
        inputs = self.model.prepared(tokens, lengths)
        with torch.enable_grad():
            for _ in range(self.model.steps):
                optimizer.zero_grad()
                loss = ((self.model.logits(*inputs).sigmoid() - target).abs() * weights).sum()
                loss.backward()
                optimizer.step()
                schedule.step()

    def predict(self, sentences: Sequence[Sentence]) -> np.ndarray:
        """(n,) means of the members' predictions; their order is what counts, the scale is that of the data fitted."""
        with torch.no_grad():
            chunks = [sentences[i : i + CHUNK] for i in range(0, len(sentences), CHUNK)]
            means = [self.model(*padded(chunk)).sigmoid().mean(0) for chunk in chunks]
        return np.concatenate([m.double().numpy() for m in means])
