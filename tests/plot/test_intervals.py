"""The chart of rank intervals."""

from pathlib import Path

import pytest
import torch

import wherefrom as wf


def test_lines_run_from_best_to_worst_rank(tmp_path: Path) -> None:
    X, y = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    problem = wf.Problem.of(torch.nn.Linear(3, 2).eval(), wf.cross_entropy(l2=0.1), (X, y))
    trust = wf.trust(wf.GradientDot(), problem, (X[:2], y[:2]), k=4)
    chart = wf.plot.intervals(trust, 1, top=6, labels={int(trust.possible()[1][0]): "first"})
    rows = next(values for values in chart.to_dict()["datasets"].values() if len(values) > 1)
    assert len(rows) == 6 and [row["rank"] for row in rows] == list(range(1, 7)) and rows[0]["label"] == "first"
    assert all(row["best"] <= row["rank"] <= row["worst"] for row in rows)
    assert wf.plot.save(chart, tmp_path / "i.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(wf.UsageError, match="one of the scored queries"):
        wf.plot.intervals(trust, 7)
