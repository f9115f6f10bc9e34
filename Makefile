# `make train` and `make test` are all that a newcomer needs: Python 3.11 or newer (with venv and headers) and a C compiler.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard src_pyx/* fastmlp/*.py fastmlp/*/*.py) setup.py pyproject.toml

.PHONY: train test lint clean

train: $(VENV)/installed
	$(BIN)/fastmlp train --out runs/digits
	@echo "The figure lies in $(CURDIR)/runs/digits/history.png"

test: $(VENV)/tested
	$(BIN)/python -m pytest

lint: $(VENV)/linted
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH=$(BIN):$$PATH cython-lint src_pyx
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info fastmlp/*.so

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# Editable, so that the package's Python is used as it stands; compiled anew when a source has changed.
$(VENV)/installed: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	touch $@

$(VENV)/tested: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group test
	touch $@

$(VENV)/linted: $(VENV)/tested
	$(BIN)/python -m pip install --quiet --group lint
	touch $@
