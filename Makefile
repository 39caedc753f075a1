# make demo, make test: everything is installed into .venv from the lock, with hashes.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready

.PHONY: help demo test check types imports unit quick bench lock clean

help:
	@echo "make demo    a fleet on this machine: real work, a kill, a drain, and the sums"
	@echo "make test    format, lint, types, import rules and every test"
	@echo "make unit    the pure tests alone"
	@echo "make quick   what shows that this Python works: PYTHON=python3.13 VENV=.venv-3.13"
	@echo "make bench   side by side with plain Celery; writes benchmarks/README.md's table"
	@echo "make lock    renew requirements/dev.lock from pyproject.toml"

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
	  f"make: python: expected 3.11 or later, found {sys.version.split()[0]} ($(PYTHON)): set PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { echo "make: $(PYTHON) -m venv failed: install the venv module of this Python (Debian: python3-venv)" >&2; exit 1; }
	@echo "installing into $(VENV) (a minute, the first time)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	@cd examples/media && $(abspath $(BIN))/python -m media.demo $(ARGS)

# Two at a time: a file's tests share servers, so a file stays with one process.
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile

test: check types imports
	$(PYTEST) tests/unit tests/cloud tests/sqs
	$(PYTEST) tests/e2e

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/python -m pytest tests/unit

# what shows that a Python works: everything pure, the broker, and a killed worker of each pool
quick: $(READY)
	$(PYTEST) tests/unit $(wildcard tests/cloud/test_engine*.py) tests/e2e/test_crash.py

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(VENV)-lock/bin/uv pip compile pyproject.toml --all-extras --group dev --universal \
	  --python-version 3.11 --generate-hashes --no-header --quiet --output-file requirements/dev.lock

clean:
	rm -rf $(VENV) $(VENV)-lock
