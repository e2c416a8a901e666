# What a newcomer types. Works with GNU make 3.81 and the shells of macOS and Linux.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup test lint clean distclean

setup: $(VENV)/.installed

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	touch $@

NATIVE := $(shell find csrc metal -type f 2>/dev/null)

$(VENV)/.installed: $(VENV)/.made pyproject.toml CMakeLists.txt $(NATIVE)
	$(BIN)/python -m pip install --quiet --group build --group test --group lint
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --no-build-isolation -e .
	touch $@

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

distclean: clean
	rm -rf $(VENV) .cache
