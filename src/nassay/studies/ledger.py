"""The ledger: every evaluation ever paid for, in SQL, so that nothing is paid for twice.

SQLite by default (write-ahead log, short transactions). One row an evaluation, unique by (architecture, estimator,
fidelity). Beside it: settings and decisions (JSON by key), sessions with their time by phase, and the audit of the
sealed test split.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError, DBAPIError

from nassay.errors import StudyStoppedError, UserError
from nassay.estimators.base import Estimate
from nassay.strategies.base import Request

tables = sql.MetaData()
settings = sql.Table(
    "settings",
    tables,
    sql.Column("key", sql.String, primary_key=True),
    sql.Column("value", sql.JSON, nullable=False),
)
evaluations = sql.Table(
    "evaluations",
    tables,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("architecture", sql.String, nullable=False),
    sql.Column("estimator", sql.String, nullable=False),
    sql.Column("fidelity", sql.String, nullable=False),
    sql.Column("value", sql.Float),
    sql.Column("reason", sql.String),
    sql.Column("seconds", sql.Float, nullable=False),
    sql.Column("phase", sql.String, nullable=False),
    sql.Column("details", sql.JSON, nullable=False),
    sql.Column("finished_at", sql.Float, nullable=False),
    sql.UniqueConstraint("architecture", "estimator", "fidelity"),
)
sessions = sql.Table(
    "sessions",
    tables,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("started_at", sql.Float, nullable=False),
    sql.Column("seconds", sql.Float, nullable=False),
    sql.Column("phases", sql.JSON, nullable=False),
)
audits = sql.Table(
    "audits",
    tables,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("what", sql.String, nullable=False),
    sql.Column("why", sql.String, nullable=False),
    sql.Column("at", sql.Float, nullable=False),
)

Key = tuple[str, str, str]


class Ledger:
    """A study's memory.

    Args:
        url: SQLAlchemy URL, such as `sqlite:////path/to/study.sqlite`.
        remember: whether all evaluations are kept in memory, too, for `find`; without, memory does not grow with them.

    Raises:
        StudyStoppedError: the database cannot be read or written (full disk, read-only folder).
        UserError: the file is damaged, or is no database.
    """

    def __init__(self, url: str, *, remember: bool = True) -> None:
        self.url, self._remember = url, remember
        self.engine = sql.create_engine(url)
        if self.engine.dialect.name == "sqlite":
            sql.event.listen(self.engine, "connect", _write_ahead)
        with self._transaction() as connection:
            tables.create_all(connection)
        self._known: dict[Key, Estimate] = {key: estimate for key, estimate, _ in self._read()} if remember else {}

    @classmethod
    def in_folder(cls, folder: Path, *, remember: bool = True) -> "Ledger":
        """The ledger of a run folder, `study.sqlite`."""
        return cls(f"sqlite:///{folder / 'study.sqlite'}", remember=remember)

    def close(self) -> None:
        """Release the database; for SQLite the log is folded into the one file."""
        self.engine.dispose()

    # Evaluations ---------------------------------------------------------------------------------------------------

    def find(self, key: Key) -> Estimate | None:
        """What was paid for under this key, or None; of a ledger that remembers."""
        assert self._remember
        return self._known.get(key)

    def add(self, rows: Iterable[tuple[Key, Estimate]], phase: str) -> None:
        """Keep finished evaluations, in one transaction."""
        rows = list(rows)
        now = time.time()
        values = [
            {
                "architecture": architecture,
                "estimator": estimator,
                "fidelity": fidelity,
                "value": estimate.value,
                "reason": estimate.reason,
                "seconds": estimate.seconds,
                "phase": phase,
                "details": dict(estimate.details),
                "finished_at": now,
            }
            for (architecture, estimator, fidelity), estimate in rows
        ]
        if values:
            with self._transaction() as connection:
                connection.execute(sql.insert(evaluations), values)
        if self._remember:
            self._known.update(rows)

    def records(self) -> list[dict[str, Any]]:
        """All evaluations as plain dictionaries, in the order in which they were finished."""
        with self._transaction() as connection:
            rows = connection.execute(sql.select(evaluations).order_by(evaluations.c.id)).mappings().all()
        return [dict(row) for row in rows]

    def stream(self, fidelity: str) -> Iterator[tuple[str, str, float | None, str | None, float]]:
        """All evaluations of a fidelity as (architecture, estimator, value, reason, seconds), a thousand at a time."""
        columns = [evaluations.c[name] for name in ("architecture", "estimator", "value", "reason", "seconds")]
        wanted = sql.select(*columns).where(evaluations.c.fidelity == fidelity)
        with self._transaction() as connection:
            for row in connection.execution_options(yield_per=1000).execute(wanted).mappings():
                yield row["architecture"], row["estimator"], row["value"], row["reason"], row["seconds"]

    def _read(self) -> Iterator[tuple[Key, Estimate, str]]:
        for row in self.records():
            estimate = Estimate(row["value"], row["reason"], row["seconds"], row["details"])
            yield (row["architecture"], row["estimator"], row["fidelity"]), estimate, row["phase"]

    # Settings, decisions, sessions, audits ----------------------------------------------------------------------------

    def get(self, key: str) -> Any:
        """The setting under this key, or None."""
        with self._transaction() as connection:
            value = connection.execute(sql.select(settings.c.value).where(settings.c.key == key)).scalar()
        return value

    def put(self, key: str, value: Any) -> None:
        """Keep a JSON-ready setting."""
        with self._transaction() as connection:
            connection.execute(sql.delete(settings).where(settings.c.key == key))
            connection.execute(sql.insert(settings).values(key=key, value=value))

    def decide(self, key: str, compute: Callable[[], Any]) -> Any:
        """What was decided under this key before; else `compute()`, kept. Makes decisions by the clock replayable."""
        known = self.get(key)
        if known is None:
            known = json.loads(json.dumps(compute()))
            self.put(key, known)
        return known

    def open_session(self) -> int:
        """A new session's number; a resumed study has several."""
        with self._transaction() as connection:
            done = connection.execute(sql.insert(sessions).values(started_at=time.time(), seconds=0.0, phases={}))
        return int(done.inserted_primary_key[0])  # type: ignore[index]

    def touch_session(self, number: int, seconds: float, phases: dict[str, float]) -> None:
        """Note how long a session has lasted, in all and by phase."""
        with self._transaction() as connection:
            connection.execute(
                sql.update(sessions).where(sessions.c.id == number).values(seconds=seconds, phases=phases)
            )

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions, oldest first."""
        with self._transaction() as connection:
            return [dict(r) for r in connection.execute(sql.select(sessions).order_by(sessions.c.id)).mappings()]

    def audit(self, what: str, why: str) -> None:
        """Write down that something sealed was opened."""
        with self._transaction() as connection:
            connection.execute(sql.insert(audits).values(what=what, why=why, at=time.time()))

    def audits(self) -> list[dict[str, Any]]:
        """Everything sealed that was opened, oldest first."""
        with self._transaction() as connection:
            return [dict(r) for r in connection.execute(sql.select(audits).order_by(audits.c.id)).mappings()]

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self.engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            where = self.url.removeprefix("sqlite:///")
            if type(error) is DatabaseError:  # its sub-classes are of the system, not of the file's content
                raise UserError(
                    f"The ledger {where} is damaged: {error.orig}. Put back a copy of it, or give another run folder."
                ) from error
            raise StudyStoppedError(
                f"The ledger {where} cannot be used: {error.orig}. "
                "Check free space and write permission, then give the same command again; nothing finished is lost."
            ) from error


def key_of(architecture: str, request: Request) -> Key:
    """What an evaluation is filed under: canonical architecture string, estimator, fidelity."""
    return architecture, request.estimator, str(request.fidelity) if request.fidelity else ""


def of_search(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trainings of a search that have a value, those of its finish left out."""
    trained = [r for r in records if r["estimator"] == "training" and r["value"] is not None]
    return [r for r in trained if not r["fidelity"].endswith("final")]


def by_estimator(records: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Counts by estimator and outcome, {estimator: {"ok": n, "failed": n}}; recipes of one proxy count together."""
    counts: dict[str, dict[str, int]] = {}
    for record in records:
        outcome = "failed" if record["value"] is None else "ok"
        counts.setdefault(record["estimator"].partition(":")[0], {"ok": 0, "failed": 0})[outcome] += 1
    return counts


def _write_ahead(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
