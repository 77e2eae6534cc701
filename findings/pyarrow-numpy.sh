#!/usr/bin/env bash
# pyarrow 26 needs numpy 2 and does not say so: pip installs it beside numpy 1.26 and `pip check` finds nothing wrong, but it cannot be imported.
# pyarrow 25 imports and reads Parquet beside the same numpy. Seen with Python 3.11, pyarrow 26.0.1 and 25.0.1, numpy 1.26.4:
#     ImportError: pyarrow requires NumPy 2.0 or newer, found 1.26.4
# The script makes an environment in a temporary folder, needs Python 3.11 or 3.12 (numpy 1.26 has no wheels for later ones) and pip, and fails once
# any of this changes. PYTHON=python3.12 findings/pyarrow-numpy.sh takes another interpreter.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3.11}" -m venv environment
python=environment/bin/python
install() { "$python" -m pip install --quiet --disable-pip-version-check "$@"; }
changed() { echo "CHANGED: $*" >&2; exit 1; }

install numpy==1.26.4 pyarrow==26.0.1
"$python" - <<'EOF' || changed "pyarrow 26.0.1 declares numpy"
import platform
from importlib.metadata import requires, version

print(f"Python {platform.python_version()}, numpy {version('numpy')}, pyarrow {version('pyarrow')}")
named = [line for line in requires("pyarrow") or [] if line.lower().startswith("numpy")]
print(f"pyarrow {version('pyarrow')} says of numpy: {named or 'nothing'}")
raise SystemExit(bool(named))
EOF
"$python" -m pip check --disable-pip-version-check || changed "pip check finds the conflict"

if output=$("$python" -c "import pyarrow" 2>&1); then changed "pyarrow 26.0.1 imports beside numpy 1.26.4"; fi
tail -n 1 <<<"$output"
grep -q "ImportError: pyarrow requires NumPy 2.0 or newer, found 1.26.4" <<<"$output" || changed "another error: $output"

install pyarrow==25.0.1
"$python" - <<'EOF' || changed "pyarrow 25.0.1 does not read Parquet beside numpy 1.26.4"
import io

import numpy
import pyarrow
from pyarrow import parquet

file = io.BytesIO()
parquet.write_table(pyarrow.table({"x": numpy.arange(3)}), file)
read = parquet.read_table(file)["x"].to_numpy()
print(f"pyarrow {pyarrow.__version__} beside numpy {numpy.__version__} reads Parquet: {read}")
assert (read == numpy.arange(3)).all()
EOF
echo "As described."
