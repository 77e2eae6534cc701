#!/usr/bin/env bash
# torch.func.functional_call changes a model for good where one module is registered under two names, as PEFT's prompt tuning does with the embedding.
# With tie_weights=True, its default, both names are swapped, and the second is restored with what the first swap put in: afterwards the module holds
# the given tensor in place of its Parameter, and `model.parameters()` yields that. With tie_weights=False and one name given, the model is left as it was.
# Seen with Python 3.11, torch 2.13.0:
#     before: Parameter, 3 parameters; after: Tensor, 3 parameters; after tie_weights=False: Parameter, 3 parameters
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
from torch.func import functional_call


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4, bias=False)
        self.second = self.first
        self.rest = nn.Linear(4, 3)

    def forward(self, x):
        return self.rest(self.second(torch.relu(self.first(x))))


def look(model):
    return f"{type(model.first.weight).__name__}, {len(list(model.parameters()))} parameters"


said = {}
for name, settings in (("after", {}), ("after tie_weights=False", {"tie_weights": False})):
    model = Shared()
    said["before"] = look(model)
    values = {key: value.detach().clone() for key, value in model.named_parameters()}
    functional_call(model, values, (torch.randn(2, 4),), **settings)
    said[name] = look(model)
print(f"torch {torch.__version__}: " + "; ".join(f"{key}: {value}" for key, value in said.items()))
expected = {"before": "Parameter, 3 parameters", "after": "Tensor, 3 parameters", "after tie_weights=False": "Parameter, 3 parameters"}
raise SystemExit(0 if said == expected else f"CHANGED: expected {expected}")
EOF
