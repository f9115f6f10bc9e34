# `make train` and `make test` are all that a newcomer needs: Python 3.11 or newer (with venv and headers) and a C
# compiler. Everything is installed into folders here; `make clean` removes them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard src_pyx/*) setup.py pyproject.toml

# what benchmarks compare with, besides what is installed; of PyTorch, its CPU build
RIVALS ?= scikit-learn jax

.PHONY: train test test-debug test-sanitize lint docs bench bench-quick notebook rivals clean

train: $(VENV)/installed
	$(BIN)/fastmlp train --out runs/digits
	@echo "The figure lies in $(CURDIR)/runs/digits/history.png"

test: $(VENV)/tested
	$(BIN)/pytest

# Bounds checks on. Not editable, or it would take the place of the compiled module that `make test` uses.
test-debug: export FASTMLP_DEBUG = 1
test-debug: .venv-debug/tested
	.venv-debug/bin/pytest

# AddressSanitizer and UndefinedBehaviorSanitizer have to be loaded before Python. -s, or pytest swallows their report.
test-sanitize: export FASTMLP_SANITIZE = 1
test-sanitize: .venv-sanitize/tested
	PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	.venv-sanitize/bin/pytest -s

lint: $(VENV)/linted
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint src_pyx
	$(BIN)/mypy

# Every command and every example of the pages is run too; those with CIFAR-10 where FASTMLP_DATA names its folder.
docs: $(VENV)/documented
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -b html docs build/docs
	$(BIN)/pytest -q --doctest-modules fastmlp
	$(BIN)/pytest -q docs/test_pages.py
	@echo "The first page is $(CURDIR)/build/docs/index.html"

# the report comes also where a system failed or was wrong: it says so
bench: rivals
	-$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.sizes
	$(BIN)/python -m benchmarks.report

bench-quick: rivals
	$(BIN)/python -m benchmarks.compare --quick

# FASTMLP_DATA names the folder with CIFAR-10; takes five minutes
notebook: $(VENV)/tested
	$(BIN)/python -m pip install --quiet nbconvert
	cd examples && ../$(BIN)/jupyter nbconvert --to notebook --execute --inplace cifar10.ipynb

rivals: $(VENV)/tested
	$(BIN)/python -m pip install --quiet $(RIVALS)

clean:
	rm -rf .venv .venv-debug .venv-sanitize build dist *.egg-info fastmlp/_kernels/*.so

%/bin/python:
	$(PYTHON) -m venv $*
	$@ -m pip install --quiet --upgrade pip

# Editable, so that the package's Python is used as it stands; compiled anew when a source has changed.
$(VENV)/installed: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	touch $@

.venv-%/installed: .venv-%/bin/python $(SOURCES) $(wildcard fastmlp/*.py fastmlp/*/*.py)
	.venv-$*/bin/python -m pip install --quiet --force-reinstall --no-deps .
	.venv-$*/bin/python -m pip install --quiet '.[all]'
	touch $@

%/tested: %/installed
	$*/bin/python -m pip install --quiet --group test
	touch $@

%/linted: %/tested
	$*/bin/python -m pip install --quiet --group lint
	touch $@

%/documented: %/tested
	$*/bin/python -m pip install --quiet --group docs
	touch $@

# the stamps are made on the way to something else, but stay
.SECONDARY:
