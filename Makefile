# make train    an environment in .venv, then an MLP learns handwritten digits
# make test     the same environment, then lint, types, tests, and every benchmark once
# make help     all targets

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install train test test-all bench gpu clean

PYTHON ?= python3
VENV ?= .venv
# EXTRA=cuda13 (or cuda12) adds CuPy and the CUDA libraries; ARGS goes to the command of train, test-all and bench.
EXTRA ?=
ARGS ?=
# Processes of the test run. Each keeps BLAS to one thread: spinning threads of several processes slow each other down.
JOBS ?= 2

comma := ,
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-all$(if $(EXTRA),-$(EXTRA))

help:
	@echo 'make train            set up .venv and train an MLP on handwritten digits (ARGS="--epochs 5 ...")'
	@echo 'make test             set up .venv; lint, types, tests, every benchmark once'
	@echo 'make test-all         the tests with the large hypothesis profile and the slow ones'
	@echo 'make bench            measure the benchmarks'
	@echo 'make gpu EXTRA=cuda13 the tests that need a CUDA device, then the benchmarks, results under bench/results/'
	@echo 'make install          set up .venv only; EXTRA=cuda13 or cuda12 for a GPU'
	@echo 'make clean            remove .venv and what tools leave behind'

install: $(INSTALLED)

# Stamps, so that a repeated call does nothing and an interrupted one starts again.
$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(INSTALLED): pyproject.toml | $(VENV)/.created
	@echo 'Installing gpugrad and what it needs into $(VENV) (once; takes a minute or two)'
	$(BIN)/python -m pip install --quiet -e '.[all$(if $(EXTRA),$(comma)$(EXTRA))]'
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

bench: install
	$(BIN)/python -m pytest bench --benchmark-only $(ARGS)

# Exit code 5 of pytest: no test carries the mark yet.
gpu: install
	$(BIN)/python -m pytest tests -m gpu --benchmark-disable || [ $$? -eq 5 ]
	mkdir -p bench/results
	$(BIN)/python -m pytest bench --benchmark-only --benchmark-json=bench/results/gpu.json

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find gpugrad tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
