#!/usr/bin/env bash
# scikit-learn's HistGradientBoosting names no leaves in its public interface: there is no apply(), as GradientBoosting and forests have. The differences
# of its staged predictions tell rows of two leaves apart only where their values differ, and in a plain classification they often do not: pure leaves of
# one tree, and leaves of the same shares of classes, have the same value to the last digit. So no public call tells which leaf a row is in.
# Seen with Python 3.11, scikit-learn 1.9.1, numpy 2.4.6, on six tables of 400 rows, 20 rounds of two and of three classes:
#     models in which two leaves of a tree have one value: 12 of 12 unweighted, 0 of 12 with sample weights that differ by a thousandth
# The script makes an environment in a temporary folder, needs Python 3.11 or later and pip, and fails once this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv environment
python=environment/bin/python
"$python" -m pip install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6

"$python" - <<'EOF'
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier


def equal_leaves(model, X):
    """Whether some tree adds fewer distinct numbers than it has leaves; the leaves are counted in the model's private nodes."""
    stages = np.stack([stage.reshape(len(X), -1) for stage in model.staged_decision_function(X)], 1)
    gains = np.diff(stages, axis=1, prepend=0)  # the start is one number for all rows
    for number, trees in enumerate(model._predictors):
        for place, tree in enumerate(trees):
            ordered = np.sort(gains[:, number, place])
            distinct = 1 + int((np.diff(ordered) > 1e-12).sum())
            if distinct < int(tree.nodes["is_leaf"].sum()):
                return True
    return False


random = np.random.default_rng(0)
found = {"unweighted": 0, "weighted": 0}
for _ in range(6):
    X = random.normal(size=(400, 6))
    score = X[:, 0] + 0.5 * random.normal(size=400)
    for y in ((score > 0.3).astype(int), np.digitize(score, [-0.5, 0.5])):
        for name, weights in (("unweighted", None), ("weighted", random.uniform(0.999, 1.001, 400))):
            model = HistGradientBoostingClassifier(max_iter=20).fit(X, y, sample_weight=weights)
            assert not hasattr(model, "apply")
            found[name] += equal_leaves(model, X)
print(f"models in which two leaves of a tree have one value: {found['unweighted']} of 12 unweighted, {found['weighted']} of 12 weighted")
raise SystemExit(0 if found == {"unweighted": 12, "weighted": 0} else f"CHANGED: {found}")
EOF
