"""Estimates say how sure they are, or why they are missing."""

import json

import wherefrom as wf
from wherefrom.estimate import undefined


def test_in_words_and_as_json() -> None:
    assert str(wf.metrics.Estimate("r", 0.91, 0.8, 0.95, n=20)) == "r 0.91 [0.8, 0.95], n=20"
    assert str(undefined("r", "nothing moved", 3)) == "r: undefined (nothing moved)"
    assert "underpowered: few" in str(wf.metrics.Estimate("r", 0.9, status="underpowered", reason="few"))
    assert json.loads(json.dumps(wf.metrics.Estimate("r", 0.9).to_dict()))["level"] == 0.95
