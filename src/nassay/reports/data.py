"""The plain data that a report is made of: what `summary.json` holds, and the ledger's rows.

Every key but a record's architecture may be absent or None: the report of a study that was stopped or still runs shows
what there is.
Shares (accuracies) lie in 0..1; units are in the names.
"""

from dataclasses import dataclass, field
from typing import Any, TypedDict

SUMMARY = "summary.json"

# Names of estimators in the records that the report knows how to draw.
TRAINING = "training"
LATENCY = "latency_ms"
PREDICTED_LATENCY = "predicted_latency_ms"


class LatencyData(TypedDict, total=False):
    """One latency measurement: the median of `runs` runs, and its spread."""

    median_ms: float
    p10_ms: float
    p90_ms: float
    threads: int
    batch: int
    runs: int
    device: str
    mape: float


class GraphData(TypedDict, total=False):
    """A labelled DAG: one label per node, edges as pairs of node numbers."""

    labels: list[str]
    edges: list[list[int]]


class Candidate(TypedDict, total=False):
    """One trained network.

    `latency_predicted` says that `latency_ms` comes from a model and not from a measurement; `reasons` says why a key
    has no value.
    """

    architecture: str
    test_accuracy: float | None
    test_metrics: dict[str, float]
    validation_accuracy: float | None
    params: int | None
    macs: int | None
    peak_memory_bytes: int | None
    latency_ms: float | None
    latency: LatencyData | None
    latency_predicted: bool
    train_seconds: float | None
    epochs: float | None
    graph: GraphData | None
    reasons: dict[str, str]


class TaskData(TypedDict, total=False):
    """What was learnt; `train`, `validation`, `test` are numbers of items, `classes` are names.

    `metric` names what the keys test_accuracy and validation_accuracy hold; `share_of_items` says that it is the share
    of items that are right.
    """

    name: str
    metric: str
    share_of_items: bool
    input_shape: list[int]
    classes: list[str]
    train: int
    validation: int
    test: int
    notes: list[str]


class Counts(TypedDict, total=False):
    """How many evaluations of one estimator gave a value, and how many a reason."""

    ok: int
    failed: int


class Failures(TypedDict, total=False):
    """How often an estimator had no value for a reason, and an architecture of which that is so."""

    estimator: str
    reason: str
    count: int
    architecture: str


class Seconds(TypedDict, total=False):
    """Wall-clock time of the study, in all and by phase."""

    total: float
    phases: dict[str, float]


class Summary(TypedDict, total=False):
    """The content of `summary.json`.

    `status` is "finished", or what the study is instead; `constraints` maps a limit's name (`max_latency_ms`,
    `max_params`, `max_macs`, `max_peak_memory_bytes`) to its value; `gaps` holds
    `nassay.gaps.GapReport.to_dict()`s, best first, whose `estimator` and `truth` are the names in the records;
    `resumes` counts the continuations.
    """

    status: str
    best: Candidate | None
    reference: Candidate | None
    random: Candidate | None
    finalists: list[Candidate]
    gaps: list[dict[str, Any]]
    evaluations: dict[str, Counts]
    failures: list[Failures]
    latency_model: dict[str, Any] | None
    adapted: dict[str, Any] | None
    seconds: Seconds
    seed: int
    versions: dict[str, str]
    constraints: dict[str, float | None]
    space: str
    strategy: str
    task: TaskData
    config: dict[str, Any]
    resumes: int


class Record(TypedDict, total=False):
    """One row of the ledger; a training's `details` hold its `curve`, a list of dicts with the keys
    epoch, seconds, validation_accuracy, train_loss.
    """

    architecture: str
    estimator: str
    fidelity: str | None
    value: Any  # float | None
    reason: str | None
    seconds: float
    phase: str
    details: dict[str, Any]


class Picture(TypedDict):
    """A picture of items and what a network makes of them: a caption, and the PNG file in base64."""

    caption: str
    png: str


@dataclass(frozen=True)
class ReportData:
    """All that a report shows.

    Attributes:
        summary: the study in sum.
        records: the ledger's rows, oldest first; the last one by an estimator on an architecture counts.
        pictures: what the best network makes of some validation items.
    """

    summary: Summary = field(default_factory=Summary)
    records: list[Record] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
