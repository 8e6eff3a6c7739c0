# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# flwr holds back what `dev` gets, so that the tests that need it run in an environment of their own.
FLOWER := .venv-flower
FLOWER_TESTS := tests/test_locks.py tests/federation/flower \
	tests/end_to_end/test_silos_over_flower.py tests/end_to_end/test_three_organisations.py
# Run without coverage, which an interrupt inside it would leave locked.
INTERRUPTED := tests/federation/test_interrupted_trainings.py tests/test_interrupts.py
PIP = $(@D)/bin/python -m pip install --quiet --disable-pip-version-check
LOCKED := --require-hashes --only-binary :all:

.PHONY: demo test test-flower check docs reference lock clean help

help:
	@echo "make demo   train on the bundled MovieLens ratings (sets up $(VENV) first)"
	@echo "make test   run all checks and the whole test suite (sets up $(VENV) and $(FLOWER) first)"
	@echo "make test-flower  the tests over Flower alone, in $(FLOWER)"
	@echo "make check  the checks alone: format, lint, types, import directions"
	@echo "make docs   build the documentation into site/; begin with site/index.html"
	@echo "make reference  write the reference pages of docs/ that come from the code"
	@echo "make lock   renew locks/*.txt from pyproject.toml (maintainers)"

demo: $(VENV)/run.installed
	$(BIN)/fedmf train --items 1000

# One after the other, whatever -j says: the tests over Flower start many processes.
test: check
	$(MAKE) test-flower
	$(BIN)/python -m pytest $(INTERRUPTED)
	$(BIN)/python -m pytest --cov --cov-report=
	@$(BIN)/coverage report --include='*/crypto/*,*/protocol/*' --fail-under=97 --skip-covered

test-flower: $(FLOWER)/installed
	$(FLOWER)/bin/python -m pytest $(FLOWER_TESTS)

check: $(VENV)/dev.installed
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Not with --quiet: it hides warnings from --strict, too.
docs: $(VENV)/dev.installed
	$(BIN)/mkdocs build --strict
	@echo "site/index.html is the documentation; open it in a browser"

reference: $(VENV)/dev.installed
	$(BIN)/python -m scripts.reference_pages

$(VENV)/created $(FLOWER)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fedmf needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv --clear $(@D)
	@touch $@

$(VENV)/run.installed: $(VENV)/created locks/run.txt pyproject.toml
	$(PIP) $(LOCKED) -r locks/run.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.installed: $(VENV)/run.installed locks/dev.txt
	$(PIP) $(LOCKED) -r locks/dev.txt
	@touch $@

$(FLOWER)/installed: $(FLOWER)/created locks/flower.txt pyproject.toml
	$(PIP) $(LOCKED) -r locks/flower.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

lock:
	uv pip compile --no-strip-extras --universal --generate-hashes --no-annotate --no-header \
		--python-version 3.11 --group build pyproject.toml -o locks/run.txt
	uv pip compile --no-strip-extras --universal --generate-hashes --no-annotate --no-header \
		--python-version 3.11 --group build --group dev pyproject.toml -o locks/dev.txt
	uv pip compile --no-strip-extras --universal --generate-hashes --no-annotate --no-header \
		--python-version 3.11 --extra flower --group build --group flower-tests \
		pyproject.toml -o locks/flower.txt

clean:
	rm -rf $(VENV) $(FLOWER) site .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .import_linter_cache
