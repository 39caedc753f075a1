# make demo, make test: everything is installed into .venv from the lock, with hashes.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready

.PHONY: help demo test check types imports unit quick checkov bench lock clean

help:
	@echo "make demo    a fleet on this machine: from no node to no node, with losses, and the sums"
	@echo "make test    format, lint, types, import rules and every test"
	@echo "make unit    the pure tests alone"
	@echo "make quick   what shows that this Python works: PYTHON=python3.13 VENV=.venv-3.13"
	@echo "make checkov what checkov says of the CloudFormation templates; its own .venv-checkov"
	@echo "make bench   side by side with plain Celery; writes benchmarks/README.md's table"
	@echo "make lock    renew requirements/dev.lock from pyproject.toml"

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11, 4) else \
	  f"make: python: expected 3.11.4 or later, found {sys.version.split()[0]} ($(PYTHON)): set PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { echo "make: $(PYTHON) -m venv failed: install the venv module of this Python (Debian: python3-venv)" >&2; exit 1; }
	@echo "installing into $(VENV) (a minute, the first time)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	@cd examples/media && $(abspath $(BIN))/python -m media.demo $(ARGS)

COMPILE = $(VENV)-lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 \
  --generate-hashes --no-header --quiet

# A test goes to whichever process is free, the longest first; where a file's tests share servers,
# all of them do (tests/conftest.py).
PYTEST = $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: check types imports
	$(PYTEST) tests

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/python -m pytest tests/unit

# What shows that a Python works: everything pure, the broker, and a killed worker of each pool. What
# only searches further, in cases that a Python does not change, is left to make test.
quick: $(READY)
	FLEET_QUICK=1 $(PYTEST) -n logical tests/unit $(wildcard tests/cloud/test_engine*.py) \
	  tests/e2e/test_crash.py

# What it depends on is pinned below what the project wants, so it has a venv of its own.
CHECKOV = $(VENV)-checkov

$(CHECKOV)/.ready: requirements/checkov.lock
	@$(PYTHON) -m venv $(CHECKOV)
	@echo "installing checkov into $(CHECKOV) (a minute, the first time)" >&2
	@$(CHECKOV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/checkov.lock
	@touch $@

checkov: $(READY) $(CHECKOV)/.ready
	rm -rf $(CHECKOV)/templates
	$(BIN)/python -m tests.composed $(CHECKOV)/templates
	$(CHECKOV)/bin/checkov --config-file deploy/cloudformation/checkov.yaml -d $(CHECKOV)/templates

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(COMPILE) --all-extras --group dev --output-file requirements/dev.lock
	$(COMPILE) --group build --output-file requirements/node.lock
	$(subst pyproject.toml,requirements/checkov.in,$(COMPILE)) --output-file requirements/checkov.lock

clean:
	rm -rf $(VENV) $(VENV)-lock $(VENV)-checkov
