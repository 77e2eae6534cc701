"""The files of a run: report.html, top.csv, scores.zarr and run.json, each whole or not at all."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from wherefrom.cli.case import ExplainedCase
from wherefrom.cli.explanation import ExplanationResult, ExplanationSettings
from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate
from wherefrom.metrics import loo_correlation
from wherefrom.reporting import Content, write_report
from wherefrom.store import refuse_foreign, write_whole

FILES = ("report.html", "top.csv", "run.json", "results.json")
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pandas", "zarr")


def check_folder(out: Path) -> None:
    """Refuse a place that cannot take results before any work is done."""
    try:
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out {out} is a file; give a folder.")
        out.mkdir(parents=True, exist_ok=True)
        writable = os.access(out, os.W_OK)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be made ({error.strerror}); give another folder.") from error
    if not writable:
        raise UsageError(f"--out {out} cannot be written to; give another folder.")
    for name in FILES:
        if (out / name).is_dir():
            raise UsageError(f"{out / name} is a folder, where a file has to be written; give another --out or remove it.")
    refuse_foreign(out / "scores.zarr", "scores")


def write_run(out: Path, case: ExplainedCase, settings: ExplanationSettings, result: ExplanationResult, content: Content) -> Path:
    """Write everything; the report comes last, so that where it stands the rest does."""
    result.scores.save(out / "scores.zarr")
    write_whole(out / "top.csv", _top_table(result).to_csv(index=False))
    write_whole(out / "run.json", json.dumps(_record(case, settings, result), indent=1, default=str))
    return write_report(out / "report.html", content)


def _top_table(result: ExplanationResult) -> pd.DataFrame:
    """query_id, train_id, rank, score, side: proponents from the best, then opponents from the worst."""
    assert result.top.opponents is not None
    ends = [result.top.to_pandas().assign(side="proponent"), result.top.opponents.to_pandas().assign(side="opponent")]
    table = pd.concat(ends)
    order = {key: place for place, key in enumerate(result.top.query_ids.tolist())}
    return table.sort_values("query_id", key=lambda column: column.map(order), kind="stable")


def _record(case: ExplainedCase, settings: ExplanationSettings, result: ExplanationResult) -> dict[str, Any]:
    return {
        "name": case.name,
        "settings": {**asdict(settings), **case.settings, "scores": result.scores.method},
        "versions": versions(PACKAGES),
        "seeds": {"seed": settings.seed},
        "data": {"fingerprint": result.scores.fingerprint, "train": len(case.problem), "queries": result.scores.query_ids.tolist()},
        "held_out": dict(case.held_out),
        "proof": _proof_record(result),
        "trust": _trust_record(result),
        "seconds": {name: round(value, 3) for name, value in result.seconds.items()},
        "machine": machine(),
        "notes": [*case.notes, *result.notes],
    }


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of Python, of this package and of others, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in ("wherefrom", *packages):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source tree that was never installed
            found[name] = "unknown"
    return found


def machine() -> dict[str, object]:
    """Return what the run ran on."""
    return {"system": platform.system(), "processor": platform.machine(), "threads": torch.get_num_threads()}


def _proof_record(result: ExplanationResult) -> dict[str, Any]:
    if result.truth is None or result.proof is None:
        return {"reason": result.no_proof}
    record: dict[str, Any] = _figures(result.proof.estimates())
    record["left_out"] = [ids[0] for ids in result.truth.groups.values()]
    record["queries"] = {
        str(query): _figures(loo_correlation(result.scores, result.truth, queries=np.array([query])).estimates())
        for query in result.truth.query_ids.tolist()
    }
    return record


def _trust_record(result: ExplanationResult) -> dict[str, Any]:
    trust = result.trust
    if trust is None:
        return {"reason": result.no_trust}
    record: dict[str, Any] = {"k": trust.k, "level": trust.level, "runs": trust.runs, "varied": trust.varied, "not_varied": trust.fixed}
    if trust.calibration is not None:
        record["calibration"] = {"factors": trust.calibration.factor.tolist(), "runs": trust.calibration.runs}
        record["calibration"] |= _figures((trust.calibration.coverage, trust.calibration.uncalibrated))
    rows = zip(trust.scores.query_ids.tolist(), trust.verdicts, trust.core(), trust.possible(), strict=True)
    record["queries"] = {
        str(query): {"verdict": verdict.word, "reason": verdict.reason, "core": core.tolist(), "possible": len(possible)}
        for query, verdict, core, possible in rows
    }
    return record


def _figures(estimates: tuple[Estimate, ...]) -> dict[str, Any]:
    return {estimate.name.replace(" ", "_"): estimate.to_dict() for estimate in estimates}
