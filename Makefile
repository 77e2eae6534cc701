# Each target makes the environment that it needs; nothing but Python 3.11 or later and make has to be there.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
BENCH := .venv-bench/.installed
BENCH_LM := .venv-bench-lm/.installed
LOWEST := .venv-lowest/.installed
SUITE := -n 2 --dist worksteal
PYTHON_CHECK = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wherefrom needs Python 3.11 or later, this is %s; run make PYTHON=python3.11" % sys.version.split()[0])'
# Lint, types and the site are checked in .venv alone, by the versions of constraints.txt.
WITHOUT_TOOLS := --deselect tests/test_house.py::test_lint_types_and_import_rules --deselect tests/test_docs.py::test_the_site_builds_without_warnings

.PHONY: demo test test-lowest test-newest lint docs bench bench-lm clean

demo: $(STAMP)
	$(BIN)/wherefrom demo

# Two processes of one thread each: torch's own threads would fight over the cores.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(SUITE)

# The oldest dependencies that pyproject.toml admits (Python 3.11 or 3.12: numpy 1.26 has no wheels for later ones), and the newest of today, so in a
# new environment each time. On Linux pip's own torch is a build for CUDA, several gigabytes; who has a source of builds for CPUs names it in
# pip's own settings (PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS).
test-lowest: $(LOWEST)
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest $(SUITE) $(WITHOUT_TOOLS)

test-newest:
	@$(PYTHON_CHECK)
	@rm -rf .venv-newest && $(PYTHON) -m venv .venv-newest
	@.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]' -e studies
	@.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps curvlinops-for-pytorch
	OMP_NUM_THREADS=1 .venv-newest/bin/python -m pytest $(SUITE) $(WITHOUT_TOOLS)

lint: $(STAMP)
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright && $(BIN)/lint-imports

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The architectures and trees run in .venv, which has transformers, peft and the libraries of trees: the peers bring a torchvision that may be built for another torch.
bench: $(BENCH) $(STAMP)
	.venv-bench/bin/python benchmarks/loo_mnist.py
	.venv-bench/bin/python benchmarks/exact.py
	.venv-bench/bin/python benchmarks/tracin.py
	.venv-bench/bin/python benchmarks/trak.py
	.venv-bench/bin/python benchmarks/ekfac.py
	.venv-bench/bin/python benchmarks/faithful.py
	.venv-bench/bin/python benchmarks/solvers.py
	.venv-bench/bin/python benchmarks/through_training.py
	.venv-bench/bin/python benchmarks/retraining.py
	.venv-bench/bin/python benchmarks/lds.py
	$(BIN)/python benchmarks/tiny_lm.py
	.venv-bench/bin/python benchmarks/gradients.py
	$(BIN)/python benchmarks/architectures.py
	.venv-bench/bin/python benchmarks/million.py
	.venv-bench/bin/python benchmarks/projection.py
	.venv-bench/bin/python benchmarks/mislabelled.py
	.venv-bench/bin/python benchmarks/representers.py
	.venv-bench/bin/python benchmarks/arnoldi_labels.py
	.venv-bench/bin/python benchmarks/attack.py
	.venv-bench/bin/python benchmarks/groups.py
	.venv-bench/bin/python benchmarks/selection.py
	.venv-bench/bin/python benchmarks/coverage.py
	.venv-bench/bin/python benchmarks/shapley.py
	.venv-bench/bin/python benchmarks/trust.py
	$(BIN)/python benchmarks/trees.py

# The language models' peer has an environment of its own, without the torchvision that it names and does not import.
bench-lm: $(BENCH_LM)
	.venv-bench-lm/bin/python benchmarks/gpt2.py

clean:
	rm -rf .venv .venv-bench .venv-bench-lm .venv-lowest .venv-newest site build dist

$(STAMP): pyproject.toml studies/pyproject.toml constraints.txt
	@$(PYTHON_CHECK)
	@echo "Setting up .venv (a few minutes the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' -e studies
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps curvlinops-for-pytorch # see pyproject.toml
	@touch $@

$(LOWEST): pyproject.toml studies/pyproject.toml constraints-lowest.txt
	@$(PYTHON_CHECK)
	@test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-lowest.txt -e '.[test]' -e studies
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps curvlinops-for-pytorch
	@touch $@

$(BENCH_LM): pyproject.toml constraints.txt
	@$(PYTHON_CHECK)
	@test -x .venv-bench-lm/bin/python || $(PYTHON) -m venv .venv-bench-lm
	@.venv-bench-lm/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@.venv-bench-lm/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lm]' einconv opt_einsum
	@.venv-bench-lm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps 'kronfluence>=1.0.1,<1.1'
	@touch $@

# The peers want an older numpy, so benchmarks have an environment of their own; one torch serves both sides.
$(BENCH): pyproject.toml benchmarks/constraints.txt
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -c benchmarks/constraints.txt torch
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -c benchmarks/constraints.txt -e '.[bench]'
	@touch $@
