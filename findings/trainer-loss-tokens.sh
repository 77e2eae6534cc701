#!/usr/bin/env bash
# The Trainer of transformers minimises another number than a causal model's own loss: it divides the sum over the predicted tokens by the count of all
# labels, the first of each row among them, which nothing predicts. With rows of 6 tokens the logged loss is 5/6 of `model(input_ids, labels).loss` on
# the same batch at the same weights, without gradient accumulation; gradients, and with them a step's learning rate, are smaller by as much.
# Seen with Python 3.11, torch 2.13.0, transformers 5.23.0, accelerate 1.15.0: model's own loss 3.3839, Trainer's 2.8199, ratio 0.8333
# The script makes an environment in a temporary folder, needs Python 3.11 or later and pip, and fails once this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv environment
python=environment/bin/python
"$python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 transformers==5.23.0 accelerate==1.15.0

TRANSFORMERS_VERBOSITY=error "$python" - <<'EOF'
import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

torch.manual_seed(0)
tokens = torch.randint(3, 30, (4, 6))
still = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
sizes = {"vocab_size": 30, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2, "bos_token_id": 1, "eos_token_id": 2}
model = GPT2LMHeadModel(GPT2Config(**sizes, **still))
own = float(model(input_ids=tokens, labels=tokens).loss)
settings = {"per_device_train_batch_size": 4, "max_steps": 1, "learning_rate": 0.0, "logging_steps": 1, "save_strategy": "no"}
arguments = TrainingArguments("out", **settings, report_to=[], use_cpu=True, disable_tqdm=True)
trainer = Trainer(model, arguments, train_dataset=[{"input_ids": row, "labels": row} for row in tokens])
trainer.train()
logged = next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
print(f"transformers {transformers.__version__}: model's own loss {own:.4f}, Trainer's {logged:.4f}, ratio {logged / own:.4f}")
raise SystemExit(0 if abs(logged / own - 5 / 6) < 1e-4 else "CHANGED: expected a ratio of 5/6")
EOF
