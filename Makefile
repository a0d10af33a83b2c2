# make train    an environment in .venv, then an MLP learns handwritten digits
# make test     the same environment, then lint, types, tests, and every benchmark once
# make help     all targets

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install train test test-all bench gpu clean

PYTHON ?= python3
VENV ?= .venv
# EXTRA=cuda13 (or cuda12) installs CuPy and the CUDA libraries for a GPU, else what tests of CUDA need without one.
# ARGS goes to the command of train, test-all, bench and gpu.
EXTRA ?=
ARGS ?=
# Processes of the test run. Each keeps BLAS to one thread: spinning threads of several processes slow each other down.
JOBS ?= 2

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-all$(if $(EXTRA),-$(EXTRA))

help:
	@echo 'make train            set up .venv and train an MLP on handwritten digits (ARGS="--epochs 5 ...")'
	@echo 'make test             set up .venv; lint, types, tests, every benchmark once'
	@echo 'make test-all         the tests with the large hypothesis profile and the slow ones'
	@echo 'make bench            measure gpugrad beside its peers, and make the page under bench/results/'
	@echo 'make gpu              the GPU suite, results under bench/results/; EXTRA=cuda13 or cuda12 sets up .venv first'
	@echo 'make install          set up .venv only; EXTRA=cuda13 or cuda12 for a GPU'
	@echo 'make clean            remove .venv and what tools leave behind'

install: $(INSTALLED)

# Stamps, so that a repeated call does nothing and an interrupted one starts again.
$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(INSTALLED): pyproject.toml | $(VENV)/.created
	@echo 'Installing gpugrad and what it needs into $(VENV) (once; takes a minute or two)'
	$(BIN)/python -m pip install --quiet -e '.[all,$(or $(EXTRA),test-cuda)]'
	touch $@

train: install
	$(BIN)/gpugrad train digits $(ARGS)

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest tests -n $(JOBS) --benchmark-disable --durations=5
	$(BIN)/python -m pytest bench --benchmark-disable

test-all: install
	HYPOTHESIS_PROFILE=thorough OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
		$(BIN)/python -m pytest tests -m 'slow or not slow' -n $(JOBS) --benchmark-disable --durations=20 $(ARGS)

# The peers that the package index has; PyTorch's CPU build is a matter of docs/benchmarks.md.
$(VENV)/.installed-bench: pyproject.toml | install
	$(BIN)/python -m pip install --quiet -e '.[all,bench]'
	touch $@

bench: $(VENV)/.installed-bench
	$(BIN)/gpugrad bench $(ARGS)
	$(BIN)/gpugrad bench --report

# With EXTRA in .venv, set up first; else by PYTHON as it is, which has to have CuPy and pytest: nothing is installed.
gpu: $(if $(EXTRA),install)
	PYTHONPATH=. $(if $(EXTRA),$(BIN)/python,$(PYTHON)) -m bench.gpu $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find gpugrad tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
