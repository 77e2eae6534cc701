#!/usr/bin/env bash
# RWKV of transformers has no gradient in eval mode: with the cache that it keeps by default outside training it writes in place to the state that its
# own backward pass needs, and autograd raises. In train mode, or with use_cache=False, the same call has one. Whoever takes gradients of an
# evaluated model, as attribution does, meets this.
# Seen with Python 3.11, torch 2.13.0, transformers 5.23.0: eval: RuntimeError (modified by an inplace operation); eval, use_cache=False: ok; train: ok
# The script makes an environment in a temporary folder, needs Python 3.11 or later and pip, and fails once this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv environment
python=environment/bin/python
"$python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 transformers==5.23.0

TRANSFORMERS_VERBOSITY=error "$python" - <<'EOF'
import torch
import transformers
from transformers import RwkvConfig, RwkvForCausalLM

torch.manual_seed(0)
sizes = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "context_length": 16, "attention_hidden_size": 8, "intermediate_size": 16}
model, tokens = RwkvForCausalLM(RwkvConfig(**sizes)), torch.randint(20, (3, 6))


def tried(training, **settings):
    model.train(training)
    try:
        model(input_ids=tokens, **settings).logits.sum().backward()
    except RuntimeError as error:
        return "inplace" if "modified by an inplace operation" in str(error) else str(error)
    return "ok"


said = {"eval": tried(False), "eval, use_cache=False": tried(False, use_cache=False), "train": tried(True)}
print(f"transformers {transformers.__version__}: " + "; ".join(f"{name}: {what}" for name, what in said.items()))
raise SystemExit(0 if list(said.values()) == ["inplace", "ok", "ok"] else "CHANGED")
EOF
