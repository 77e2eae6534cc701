#!/usr/bin/env bash
# torch.matrix_exp of bfloat16 matrices is not finite on a CPU, even of small skew-symmetric ones, whose exponentials are rotations; in float32 it is.
# torch.nn.utils.parametrizations.orthogonal maps square weights by it, and the gradients of such a layer are not finite once the model is in bfloat16.
# Seen with Python 3.11, torch 2.13.0, 200 matrices 4 x 4: bfloat16: 197 not finite; float32: 0; gradients of orthogonal layers in bfloat16: 100 of 100
# The script makes an environment in a temporary folder, needs Python 3.11 or later and pip, and fails once this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv environment
python=environment/bin/python
"$python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6

"$python" - <<'EOF'
import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal


def skew(seed):
    half = torch.randn(4, 4, generator=torch.Generator().manual_seed(seed)) / 2
    return (half - half.T).bfloat16()


def wrong(values):
    return sum(not bool(torch.isfinite(value).all()) for value in values)


half = wrong(torch.matrix_exp(skew(seed)) for seed in range(200))
single = wrong(torch.matrix_exp(skew(seed).float()) for seed in range(200))
torch.manual_seed(0)
layers = 0
for _ in range(100):
    layer = orthogonal(nn.Linear(4, 4)).bfloat16()
    loss = layer(torch.randn(3, 4).bfloat16()).float().square().sum()
    layers += wrong(torch.autograd.grad(loss, list(layer.parameters()))) > 0
print(f"torch {torch.__version__}: bfloat16: {half} not finite of 200; float32: {single}; gradients of orthogonal layers in bfloat16: {layers} of 100")
raise SystemExit(0 if half > 100 and single == 0 and layers > 50 else "CHANGED")
EOF
