#!/usr/bin/env bash
# CatBoost's get_object_importance(update_method="AllPoints") differentiates, for RMSE, the trees as if they started at 0, while training starts at the mean
# target (boost_from_average=True, the default). The error grows with the mean: with targets around 100 the importances of a query correlate little with those
# that the same method gives for the same trees under boost_from_average=False on centred targets, and are of the other sign for many queries.
# Valid input, default settings but for the learning rate; the trees of both models have the same leaves row for row, and the predictions differ by the
# constant alone.
# Seen with Python 3.11, catboost 1.2.10, numpy 2.4.6, 300 rows, 40 queries, 100 trees, rate 0.03:
#     same leaves: True; median correlation within a query at least 0.9: False; queries of the other sign: more than 0
# The script makes an environment in a temporary folder, needs Python 3.11 or later and pip, and fails once this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv environment
python=environment/bin/python
"$python" -m pip install --quiet --disable-pip-version-check catboost==1.2.10 numpy==2.4.6

"$python" - <<'EOF'
import numpy as np
from catboost import CatBoostRegressor, Pool

random = np.random.default_rng(0)
X = random.normal(size=(340, 5))
y = X[:, 0] + X[:, 1] ** 2 + 0.5 * random.normal(size=340)
y -= y[40:].mean()
settings = {"iterations": 100, "learning_rate": 0.03, "depth": 4, "verbose": 0, "allow_writing_files": False, "random_seed": 0, "thread_count": 1}


def importances(model, shift):
    indices, scores = model.get_object_importance(Pool(X[:40], y[:40] + shift), Pool(X[40:], y[40:] + shift), type="PerObject", update_method="AllPoints")
    found = np.zeros((40, 300))
    np.put_along_axis(found, np.array(indices), np.array(scores), 1)
    return found


plain = CatBoostRegressor(boost_from_average=True, **settings).fit(X[40:], y[40:] + 100)
centred = CatBoostRegressor(boost_from_average=False, **settings).fit(X[40:], y[40:])
same = bool((plain.calc_leaf_indexes(X) == centred.calc_leaf_indexes(X)).all())
one, other = importances(plain, 100), importances(centred, 0)
correlations = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(one, other)])
print(f"same leaves: {same}; median correlation within a query: {np.median(correlations):.2f}; of the other sign: {(correlations < 0).sum()} of 40")
said = (same, bool(np.median(correlations) >= 0.9), bool((correlations < 0).any()))
raise SystemExit(0 if said == (True, False, True) else f"CHANGED: {said}")
EOF
