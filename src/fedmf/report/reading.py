"""What a report is made of: everything in a run directory that is not secret. Changes nothing."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedmf.errors import MessageError, RunDirectoryError
from fedmf.federation import DataChoice, RoundRecord, RunDirectory, TrainingSettings
from fedmf.federation.checkpoints import ROUNDS
from fedmf.federation.enrolment_files import CHARTER, read_charter
from fedmf.protocol import ClosingMessage, Session, protection_named
from fedmf.protocol.committee.closing import ClosingProof
from fedmf.store.faults import reading

AUDIT_TEXTS = ("protection", "upload", "adversary", "attack", "target", "metric")
NOT_LEARNED = {"round": 0, **dict.fromkeys(("rmse", "mae", "training_loss", "summed_rmse"))}
"""What the set-up has no figures for."""


@dataclass(frozen=True, slots=True)
class Result:
    """What is known when a training is over."""

    dataset: Mapping[str, Any]
    """Name and sizes."""
    final: Mapping[str, float] | None
    """Errors and ranking measures of the model; None if nothing was held out."""
    unprotected: Sequence[RoundRecord]
    """Records of the same training without protection; empty if this is it."""
    unprotected_sha256: str
    """Digest of its final table; empty if this is it."""
    baselines: Mapping[str, Mapping[str, float]]
    """RMSE, MAE and NDCG@10 of predictors without factors, by measure and name."""
    intervals: Mapping[str, Mapping[str, tuple[float, float, float]]]
    """``"model"`` or the name of such a predictor -> measure -> value, low and high, of 95 % over
    users; NaN where a single user shows no spread."""
    finished: str
    """Date and time in UTC."""
    table_sha256: str
    """Digest of the final table."""
    seconds: float
    """Wall time of all."""
    machine: Mapping[str, Any]
    """What it ran on."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One attack of one adversary; the names are those of ``fedmf audit --json``."""

    protection: str
    upload: str
    adversary: str
    attack: str
    target: str
    metric: str
    """What was attacked, by whom, how, for what, and what `value` measures."""
    value: float
    chance: float
    """The figure, and the same for somebody who has seen no upload; NaN where there is none."""
    n: int
    """Sample size."""
    holds: bool
    """Whether the attack found nothing."""
    setting: str = ""
    """Circumstances; may be empty."""


@dataclass(slots=True)
class RoundOfTranscript:
    """The messages of a round."""

    round: int
    """Number in the session: a set-up round and void rounds count."""
    kinds: Counter[str] = field(default_factory=Counter)
    """How many messages of each kind."""
    size: int = 0
    """Bytes of all of them."""
    digest: Any = field(default_factory=hashlib.sha256, repr=False)
    """SHA-256 of the round's lines in the file, line ends included."""


@dataclass(frozen=True, slots=True)
class Run:
    """The public content of a run directory."""

    name: str
    """Of the directory, without those above it."""
    settings: TrainingSettings
    data: DataChoice
    session: Session
    """What was decided."""
    fedmf_version: str
    """Which fedmf began the run."""
    setup: RoundRecord | None
    """The record of the set-up round; None: there was none, or it is not over."""
    rounds: Sequence[RoundRecord]
    """Records of the rounds that are over."""
    result: Result | None
    """None while the training is not over."""
    transcript: Sequence[RoundOfTranscript]
    """Its rounds; empty if the directory holds no transcript."""
    charter_fingerprint: str
    """Of a committee's charter; empty if the directory holds none."""
    audit: Sequence[AuditRow]
    """Rows of ``audit.json``; empty if there is no such file."""

    @property
    def is_protected(self) -> bool:
        """Whether the run has a protection."""
        return protection_named(self.settings.protection).protects

    @property
    def label(self) -> str:
        """What charts and tables call it beside the unprotected run."""
        return f"this run ({self.settings.protection})"

    @property
    def unprotected(self) -> Sequence[RoundRecord]:
        """Records of the unprotected run; empty where there is none, or none yet."""
        return [] if self.result is None else self.result.unprotected

    @property
    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Measures of predictors without factors; empty while the training is not over."""
        return {} if self.result is None else self.result.baselines


def read_run(path: Path) -> Run:
    """Read a run directory, whether the training is over or not.

    Raises
    ------
    RunDirectoryError
        It is no run directory, or a file in it is damaged.
    """
    directory = RunDirectory.find(path)
    result = _json(path / "result.json")
    if result is None:
        kept, transcript_bytes = directory.checkpoints.glance()
        with reading(path / ROUNDS):
            records = [_record(one) for one in kept]
        setups = directory.described.session.rounds - directory.described.settings.rounds
        setup, rounds = (records[0] if records[:setups] else None), records[setups:]
        finished = None
    else:
        transcript_bytes = None
        with reading(path / "result.json"):
            setup = None if result["setup"] is None else _record({**NOT_LEARNED, **result["setup"]})
            rounds = [_record(one) for one in result["rounds"]]
            finished = _result(result)
    return Run(
        name=path.resolve().name,
        settings=directory.described.settings,
        data=directory.described.data,
        session=directory.described.session,
        fedmf_version=directory.described.fedmf_version,
        setup=setup,
        rounds=rounds,
        result=finished,
        transcript=_transcript(path / "transcript.jsonl", transcript_bytes),
        charter_fingerprint=_charter_fingerprint(directory),
        audit=_audit(path / "audit.json"),
    )


def _record(values: Mapping[str, Any]) -> RoundRecord:
    for name, value in values.items():
        if value is not None and type(value) not in (int, float):
            raise TypeError(f"{name} is {value!r}, which is not a number")
    return RoundRecord.from_json(values)


def _result(values: Mapping[str, Any]) -> Result:
    unprotected = values["unprotected"]
    baselines = {
        "rmse": values["baselines"],
        "mae": values["baselines_mae"],
        "ndcg_at_10": values["baselines_ndcg_at_10"],
    }
    return Result(
        dataset=dict(values["dataset"]),
        final=None if values["final"] is None else _numbers(values["final"]),
        unprotected=[_record(one) for one in unprotected["rounds"]] if unprotected else [],
        unprotected_sha256=str(unprotected["table_sha256"]) if unprotected else "",
        baselines={name: _numbers(one) for name, one in baselines.items() if one is not None},
        intervals={
            who: {name: _interval(one) for name, one in figures.items()}
            for who, figures in (values["intervals"] or {}).items()
        },
        finished=str(values["finished"]),
        table_sha256=str(values["table_sha256"]),
        seconds=float(values["seconds"]),
        machine=dict(values["machine"]),
    )


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    # Null stands for what a method has not: errors of one that only ranks.
    return {name: float(value) for name, value in values.items() if value is not None}


def _interval(values: Mapping[str, Any]) -> tuple[float, float, float]:
    ends = (values[name] for name in ("value", "low", "high"))
    value, low, high = (math.nan if one is None else float(one) for one in ends)
    return value, low, high


def _audit(path: Path) -> tuple[AuditRow, ...]:
    """Return the rows of an ``audit.json``; none if there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    try:
        return tuple(_audit_row(values) for values in json.loads(text)["rows"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunDirectoryError(
            f"{path} is not an audit: {type(error).__name__} at {error}; "
            "write it again with fedmf audit --json, or remove it"
        ) from error


def _audit_row(values: Mapping[str, Any]) -> AuditRow:
    if not isinstance(values["holds"], bool):
        raise TypeError("holds, which is true or false")
    return AuditRow(
        **{name: str(values[name]) for name in AUDIT_TEXTS},
        value=_figure(values["value"]),
        chance=_figure(values["chance"]),
        n=int(values["n"]),
        holds=values["holds"],
        setting=str(values.get("setting", "")),
    )


def _figure(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _transcript(path: Path, at_most: int | None = None) -> tuple[RoundOfTranscript, ...]:
    """Return the rounds of a ``transcript.jsonl``, ascending; none if there is no such file.

    At most this many bytes of the file are read, which end with a line; None: all.
    """
    if not path.exists():
        return ()
    rounds: dict[int, RoundOfTranscript] = {}
    left = path.stat().st_size if at_most is None else at_most
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            left -= len(line)
            if left < 0:
                break
            try:
                entry = json.loads(line)
                one = rounds.setdefault(entry["round"], RoundOfTranscript(int(entry["round"])))
                one.kinds[str(entry["kind"])] += 1
                one.size += int(entry["bytes"])
            except (ValueError, KeyError, TypeError) as error:
                raise RunDirectoryError(
                    f"{path} is damaged: line {number} is not a line of a transcript; restore the "
                    "file from a copy"
                ) from error
            one.digest.update(line)
    return tuple(rounds[number] for number in sorted(rounds))


def _charter_fingerprint(directory: RunDirectory) -> str:
    path, session = directory.path, directory.described.session
    if not (path / CHARTER).exists():
        return ""
    with reading(path / CHARTER):
        charter = read_charter(path)
    if charter.session != session:
        raise RunDirectoryError(
            f"{path / CHARTER} is the charter of another session than run.json describes: one of "
            "the two files does not belong here"
        )
    last = directory.checkpoints.last_closing()
    if last is not None:
        closing = ClosingMessage.from_bytes(last, session)
        try:
            ClosingProof.of(closing, charter).certificate.check(charter)
        except MessageError as error:
            raise RunDirectoryError(
                f"{path / CHARTER} is not the charter of this run: the members that it names did "
                f"not sign how round {closing.round} ended; restore the file from a copy"
            ) from error
    return charter.fingerprint


def _json(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    with reading(path):
        values = json.loads(text)
        if not isinstance(values, dict):
            raise TypeError("it holds no JSON object")
        return values
