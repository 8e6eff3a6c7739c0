# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := --require-hashes --only-binary :all:

.PHONY: demo test check docs lock clean help

help:
	@echo "make demo   train on the bundled MovieLens ratings (sets up $(VENV) first)"
	@echo "make test   run all checks and the whole test suite (sets up $(VENV) first)"
	@echo "make check  the checks alone: format, lint, types, import directions"
	@echo "make docs   build the documentation into site/; begin with site/index.html"
	@echo "make lock   renew locks/*.txt from pyproject.toml (maintainers)"

demo: $(VENV)/run.installed
	$(BIN)/fedmf train --items 1000 --factors 16

test: check
	$(BIN)/python -m pytest --cov --cov-report=
	@$(BIN)/coverage report --include='*/crypto/*,*/protocol/*' --fail-under=97 --skip-covered

check: $(VENV)/dev.installed
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Not with --quiet: it hides warnings from --strict, too.
docs: $(VENV)/dev.installed
	$(BIN)/mkdocs build --strict
	@echo "site/index.html is the documentation; open it in a browser"

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fedmf needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/run.installed: $(VENV)/created locks/run.txt pyproject.toml
	$(PIP) $(LOCKED) -r locks/run.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.installed: $(VENV)/run.installed locks/dev.txt
	$(PIP) $(LOCKED) -r locks/dev.txt
	@touch $@

lock:
	uv pip compile --universal --generate-hashes --no-annotate --no-header \
		--python-version 3.11 --group build pyproject.toml -o locks/run.txt
	uv pip compile --universal --generate-hashes --no-annotate --no-header \
		--python-version 3.11 --group build --group dev pyproject.toml -o locks/dev.txt

clean:
	rm -rf $(VENV) site .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .import_linter_cache
