#!/usr/bin/env bash
# transformers 4.55 declares accelerate>=0.26 for its Trainer, but calls Accelerator.unwrap_model with an argument that accelerate has from 1.3 on: beside
# 1.2 pip finds nothing wrong, the Trainer is made, and training then raises TypeError. Beside 1.3 the same training runs.
# Seen with Python 3.11, torch 2.6.0, transformers 4.55.0:
#     declared: accelerate>=0.26.0; accelerate 1.2.0: TypeError, unexpected keyword argument 'keep_torch_compile'; accelerate 1.3.0: trained
# The script makes an environment in a temporary folder, needs Python 3.11 or later and pip, and fails once this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv environment
python=environment/bin/python
install() { "$python" -m pip install --quiet --disable-pip-version-check "$@"; }
changed() { echo "CHANGED: $*" >&2; exit 1; }

cat > train.py <<'EOF'
import accelerate
import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

model = GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=8, n_embd=8, n_layer=1, n_head=1))
rows = [{"input_ids": row, "labels": row} for row in torch.randint(20, (4, 6))]
settings = TrainingArguments("out", num_train_epochs=1, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True)
try:
    Trainer(model, settings, train_dataset=rows).train()
    said = "trained"
except TypeError as error:
    said = f"TypeError, {error}"
print(f"transformers {transformers.__version__}, accelerate {accelerate.__version__}: {said}")
EOF

install torch==2.6.0 numpy==2.2.6 transformers==4.55.0 accelerate==1.2.0
"$python" -c "
from importlib.metadata import requires
print('declared:', *{line.split(';')[0] for line in requires('transformers') if line.startswith('accelerate')})" | tee declared
grep -q "accelerate>=0.26.0" declared || changed "another version is declared"
"$python" -m pip check --disable-pip-version-check || changed "pip check finds the conflict"
"$python" train.py 2>/dev/null | tee first
grep -q "keep_torch_compile" first || changed "accelerate 1.2.0 serves"
install accelerate==1.3.0
"$python" train.py 2>/dev/null | tee second
grep -q ": trained" second || changed "accelerate 1.3.0 does not serve"
echo "As described."
