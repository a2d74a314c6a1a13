# Set-up and the usual jobs. `make demo` and `make test` are all that a fresh machine needs.
#
#   PYTHON=python3.12   which Python makes the virtual environment (3.11.4 or newer)
#   TORCH="torch"       which torch to install; by default the tested release, as a CPU build on
#                       machines without an NVIDIA driver, where one can be had

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TORCH  ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: install dev demo data test lint types layers docs check bench-speed bench-flips clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt tools/install.sh
	PYTHON="$(PYTHON)" VENV="$(VENV)" TORCH="$(TORCH)" tools/install.sh
	@touch $@

dev: $(VENV)/.developed

$(VENV)/.developed: $(VENV)/.installed
	$(BIN)/python -m pip install -q -c constraints.txt --group dev
	@touch $@

demo: install  ## the main job on MNIST, end to end; a demo that flags suspects (status 1) went well
	@$(BIN)/radiotracer demo $(ARGS) || [ $$? -eq 1 ]

data: install
	@$(BIN)/radiotracer data get mnist
	@$(BIN)/radiotracer data get fashion-mnist

# Data that cannot be had are reported here and skipped by name in the tests. One thread per process;
# a file stays in one process, so that what its tests share is made once.
test: dev
	-@$(BIN)/radiotracer data get mnist
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(ARGS)

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: dev
	$(BIN)/mypy

layers: dev
	$(BIN)/lint-imports

docs: dev
	$(BIN)/python tools/check_docs.py

check: lint types layers docs

bench-speed: dev  ## each engine in forward passes; other libraries: radiotracer bench speed
	$(BIN)/python benchmarks/speed.py $(ARGS)

bench-flips: dev  ## two recipes, three seeds, every detector
	$(BIN)/python benchmarks/detection.py $(ARGS)

clean:
	rm -rf $(VENV) radiotracer-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
