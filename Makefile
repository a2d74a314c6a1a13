# Set-up and the usual jobs. `make demo` and `make test` are all that a fresh machine needs.
#
#   PYTHON=python3.12   which Python makes the virtual environment (3.11.4 or newer)
#   TORCH="torch"       which torch to install; by default the tested release, as a CPU build on
#                       machines without an NVIDIA driver, where one can be had

PYTHON ?= python3
LOCKED := --require-hashes --no-deps --only-binary :all:
VENV   := .venv
BIN    := $(VENV)/bin
PAPERS := $(VENV)/papers
TORCH  ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: install dev demo data test nightly lint types layers docs check bench \
	fuzz lock sbom audit-dependencies site diagrams dist clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml tools/install.sh tools/locks/install.txt tools/locks/torch.txt
	PYTHON="$(PYTHON)" VENV="$(VENV)" TORCH="$(TORCH)" tools/install.sh
	@touch $@

dev: $(VENV)/.developed

$(VENV)/.developed: $(VENV)/.installed tools/locks/dev.txt
	$(BIN)/python -m pip install -q $(LOCKED) -r tools/locks/dev.txt
	@touch $@

demo: install  ## the main job on MNIST, end to end; a demo that flags suspects (status 1) went well
	@$(BIN)/radiotracer demo $(ARGS) || [ $$? -eq 1 ]

data: install
	@$(BIN)/radiotracer data get mnist
	@$(BIN)/radiotracer data get fashion-mnist

# Data that cannot be had are reported here and skipped by name in the tests. One thread per process;
# a file stays in one process, so that what its tests share is made once, and the longest begin.
test: dev
	-@$(BIN)/radiotracer data get mnist
	-@$(BIN)/radiotracer data get spam-assassin
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder $(ARGS)

nightly:  ## what `make test` tries once or small: again, larger and more often
	$(MAKE) test ARGS="-m nightly $(ARGS)"

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

bench: dev  ## ARGS=NAME and its options; without, the list of what is measured
	$(BIN)/python -m bench $(ARGS)

fuzz: dev  ## every parser for a minute; with atheris, if it is installed in the environment
	$(BIN)/python tools/fuzz.py $(ARGS)

# The site's own programs come after those of development: they share some.
$(VENV)/.documented: $(VENV)/.developed tools/locks/site.txt
	$(BIN)/python -m pip install -q $(LOCKED) -r tools/locks/site.txt
	@touch $@

site: $(VENV)/.documented  ## the documentation as a site that works from the disk: build/site/index.html
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -W --keep-going -n -b html docs build/site
	@echo "build/site/index.html"

diagrams: $(VENV)/.documented  ## the Mermaid blocks of docs/ as pictures; takes npm and Chromium
	$(BIN)/python tools/diagrams.py

dist: dev  ## wheel and sdist, without fetching anything; tools/check_dist.sh tries the wheel
	rm -rf dist
	$(BIN)/python -m hatchling build
	@ls dist

lock: dev  ## the locked releases anew: ARGS=--upgrade for the newest, else only what has to change
	tools/lock.sh $(ARGS)

# Programs for papers about dependencies, in an environment of their own.
$(PAPERS)/.installed: tools/locks/papers.txt
	$(PYTHON) -m venv $(PAPERS)
	$(PAPERS)/bin/python -m pip install -q $(LOCKED) -r tools/locks/papers.txt
	@touch $@

sbom: $(PAPERS)/.installed  ## what is installed, as CycloneDX: build/sbom.json
	tools/sbom.sh $(PAPERS)/bin/cyclonedx-py build/sbom.json

audit-dependencies: $(PAPERS)/.installed  ## known holes in what is locked; asks the package index
	tools/audit_dependencies.sh $(PAPERS)/bin/pip-audit

clean:
	rm -rf $(VENV) build dist radiotracer-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
