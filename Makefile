# Every target installs what it needs. `make demo` and `make test` are the two that a newcomer wants.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup debian demo test test-faults generate check-generated import-spec update lint types format bench clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.ready  ## virtual environment with everything for work on the project

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

debian:  ## programs that some tests need, from Debian's packages, where they may be installed
	@scripts/debian.sh redis-server strace zsh fish

demo: setup generate  ## the main job: a sample of people and orders into the embedded sandbox
	$(BIN)/cio-facade demo

test: setup debian lint types check-generated  ## everything that CI runs
	$(BIN)/python -m pytest -n 2

test-faults: setup debian  ## the fault tests in their long form: 200 000 messages, hundreds of kills, 5 million rows
	CIO_FAULTS=long $(BIN)/python -m pytest tests/faults tests/loading -o faulthandler_timeout=1800 $(ARGS)

generate: setup  ## the typed client in generated/ from cio_pipelines_api.json
	$(BIN)/python scripts/generate.py

check-generated: setup  ## fails when generated/ is not what the spec gives
	$(BIN)/python scripts/generate.py --check

import-spec: setup  ## the vendor's files (SPEC="newest.json older.json") into cio_pipelines_api.json; PRUNE=1 drops what they no longer have
	@test -n "$(SPEC)" || { echo 'name the vendor'"'"'s files, newest first: make $@ SPEC="newest.json older.json"' >&2; exit 2; }
	$(BIN)/python scripts/import_spec.py $(SPEC) $(if $(PRUNE),--prune)

update: setup  ## the vendor's files (SPEC=...) all the way: import, changelog, generate, format, types, test
	@test -n "$(SPEC)" || { echo 'name the vendor'"'"'s files, newest first: make $@ SPEC="newest.json older.json"' >&2; exit 2; }
	@mkdir -p build
	$(BIN)/python scripts/import_spec.py $(SPEC) $(if $(PRUNE),--prune) --changelog CHANGELOG.md > build/api-changes.md
	$(MAKE) generate format types
	$(BIN)/python -m pytest -n 2
	@echo; echo "What callers get (build/api-changes.md):"; echo; cat build/api-changes.md

lint: setup  ## formatting and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup  ## strict mypy and pyright over the facade, the generated client and tests/typing
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

format: setup  ## mend formatting and what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup build/peers  ## figures, side by side in one run, into docs/performance.md
	$(BIN)/python -m benchmarks --docs docs

build/peers: benchmarks/apart.txt
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $@ --requirement $<
	@touch $@

clean:  ## remove what the targets made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
