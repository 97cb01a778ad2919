# insonate: `make rehearse` does the main job on the sample head, `make test` checks everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints.txt

.DEFAULT_GOAL := help
.PHONY: help rehearse phantom serve test lint types contracts browser unit coverage mutate docs wheel verify verify-slow lock clean

help:
	@echo "make rehearse   install into .venv and rehearse a treatment on the sample head"
	@echo "make serve      the operator's console in a browser, on the sample head"
	@echo "make test       everything CI checks: lint, types, contracts, tests, docs, wheel, main job"
	@echo "make verify     every verified number, computed now"
	@echo "make verify-slow  the slow verified numbers: run weekly and before a release"
	@echo "make coverage   every branch of controller, record and documents is run through by their own tests"
	@echo "make mutate     plants mistakes in guards, table and chain: each must be found by a test"
	@echo "make docs       build the documentation into build/docs"
	@echo "make clean      remove .venv and build"

$(VENV)/.run: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "insonate needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Run: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run $(CONSTRAINTS)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --group dev
	touch $@

rehearse: $(VENV)/.run
	$(BIN)/insonate rehearse samples/cranium --out build/rehearsal --replace

phantom: $(VENV)/.run
	$(BIN)/insonate rehearse --phantom --out build/phantom --replace

serve: $(VENV)/.dev
	$(BIN)/python scripts/build_page.py
	$(BIN)/insonate serve samples/cranium

verify: $(VENV)/.run
	$(BIN)/insonate verify

verify-slow: $(VENV)/.run
	$(BIN)/insonate verify --slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

browser: $(VENV)/.dev
	$(BIN)/python scripts/build_page.py
	$(BIN)/python scripts/find_browser.py

unit: $(VENV)/.dev browser
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

coverage: $(VENV)/.dev
	$(BIN)/python -m pytest -q tests/control tests/record -k "not treatment and not exploration and not latency and not stateful" \
		--cov=insonate.control --cov=insonate.record --cov=insonate.events \
		--cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

mutate: $(VENV)/.dev
	$(BIN)/python scripts/mutate.py guards table chain --report docs/safety/mutation.md

docs: $(VENV)/.dev
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

wheel: $(VENV)/.dev
	rm -rf build/wheel build/fresh
	$(BIN)/python -m build --wheel --outdir build/wheel .
	$(PYTHON) -m venv build/fresh
	build/fresh/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	build/fresh/bin/python -m pip install --quiet --constraint $(CONSTRAINTS) build/wheel/*.whl
	cd build && fresh/bin/insonate rehearse --phantom --out wheel-rehearsal --replace

test: lint types contracts unit coverage docs wheel verify rehearse
	@echo "All checks passed."

lock: $(VENV)/.dev
	$(BIN)/python -m pip freeze --exclude-editable > $(CONSTRAINTS)

clean:
	rm -rf $(VENV) build
