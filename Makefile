# Every target installs what it needs. `make demo` and `make test` are the two that a newcomer wants.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup debian npm demo test test-faults test-lowest generate check-generated import-spec update lint types format bench docs links notebooks screenshots vendor release clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.ready  ## virtual environment with everything for work on the project

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

debian:  ## programs and fonts that some tests need, from Debian's packages, where they may be installed
	@scripts/debian.sh redis-server strace zsh fish chromium fonts-dejavu-core

npm: setup  ## packages from npm that some tests need, into build/npm
	@$(BIN)/python scripts/npm.py

demo: setup generate  ## the main job: a sample of people and orders into the embedded sandbox
	$(BIN)/cio-facade demo

test: setup debian npm lint types check-generated  ## everything that CI runs
	$(BIN)/python -m pytest -n 2

test-faults: setup debian  ## the fault tests in their long form: 200 000 messages, hundreds of kills, 5 million rows
	CIO_FAULTS=long $(BIN)/python -m pytest tests/faults tests/loading tests/sandbox -o faulthandler_timeout=1800 $(ARGS)

test-lowest: setup debian  ## the package's own tests with the oldest versions that pyproject.toml allows
	$(BIN)/python scripts/lowest.py

generate: setup  ## the typed client in generated/ from cio_pipelines_api.json, and the pages of the reference
	$(BIN)/python scripts/generate.py
	$(BIN)/python scripts/reference.py

check-generated: setup  ## fails when generated/, or a page of the reference, is not what the spec gives
	$(BIN)/python scripts/generate.py --check
	$(BIN)/python scripts/reference.py --check

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

notebooks: setup  ## the notebooks from their texts in notebooks/, each run; NAME="01 05" for some, CHECK=1 writes nothing
	$(BIN)/python scripts/notebooks.py $(if $(CHECK),--check) $(NAME)

docs: setup  ## the documentation as a site, in build/site; what leads nowhere fails
	$(BIN)/python scripts/docs.py

links: setup  ## the links of the documentation that lead to other hosts
	@$(BIN)/python scripts/docs.py --external

screenshots: setup debian  ## the pictures of the sandbox's page, into docs/images
	$(BIN)/python scripts/screenshots.py

vendor: setup  ## what the sandbox's page carries from npm, as pinned in scripts/vendor.py
	$(BIN)/python scripts/vendor.py

release: setup debian  ## both files of a release into dist/, checked, installed and tested; DIRTY=1 tries a tree with changes
	$(BIN)/python scripts/release.py $(if $(DIRTY),--dirty)

clean:  ## remove what the targets made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
