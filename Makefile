# Everything a newcomer or the build needs. The environment is made once and again when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Nothing here may look for a model or a data set on a hub.
export HF_HUB_OFFLINE := 1

.PHONY: demo test test-platforms lint check bench faults soak format clean
.DEFAULT_GOAL := demo

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Answerback needs Python 3.11 or later; say: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(VENV)/.installed ## open the desk on a replayed day of a fictional brand
	@$(BIN)/answerback demo

test: $(VENV)/.installed-dev ## run the tests
	$(BIN)/pytest -n 2

test-platforms: $(VENV)/.installed-dev ## run the tests against other projects' real servers (Node, PostgreSQL, Redis)
	ANSWERBACK_TEST_PLATFORMS=1 $(BIN)/pytest tests/platforms -rs

lint: $(VENV)/.installed-dev ## form, lint, types, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## everything that guards main

bench: $(VENV)/.installed-dev ## print the figures that the README quotes
	$(BIN)/python -m benchmarks

faults: $(VENV)/.installed-dev ## measure every platform under every fault, and print the table
	$(BIN)/python -m tests.faults

soak: $(VENV)/.installed-dev ## 20 sources, faults and kills for a minute; SECONDS=600 for ten
	$(BIN)/python -m tests.soak $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

format: $(VENV)/.installed-dev ## put the code into its common form
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
