# `make train` and `make test` are all that a newcomer needs: Python 3.11 or newer (with venv and headers) and a C
# compiler. Everything is installed into folders here; `make clean` removes them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard src_pyx/*) setup.py pyproject.toml

# what benchmarks compare with, besides what is installed; of PyTorch, its CPU build
RIVALS ?= scikit-learn jax

# how much is tried to break it, and where what is found goes
CASES ?= 4000
REPETITIONS ?= 60
INPUTS ?= 5000
KILLS ?= 50
NETWORKS ?= 10000
MINUTES ?= 60
TIMES ?= 20
RESULTS ?= build/robustness

.PHONY: train test test-debug sanitize fuzz faults kills soak mutants lint docs bench bench-quick notebook rivals clean

train: $(VENV)/installed
	$(BIN)/fastmlp train --out runs/digits
	@echo "The figure lies in $(CURDIR)/runs/digits/history.png"

test: $(VENV)/tested
	$(BIN)/pytest

# Bounds checks on. Not editable, or it would take the place of the compiled module that `make test` uses; run where
# `import fastmlp` does not find the checkout's package before the installed one.
.venv-debug/%: export FASTMLP_DEBUG = 1
test-debug: .venv-debug/tested
	cd tests && ../.venv-debug/bin/pytest

# AddressSanitizer and UBSan, valgrind, ThreadSanitizer. Whoever runs them asks here for the builds that they need.
sanitize: $(VENV)/tested
	$(BIN)/python -m robustness.sanitize --repetitions $(REPETITIONS) --inputs $(INPUTS) --results $(RESULTS)

.venv-address/%: export FASTMLP_SANITIZE = address
.venv-address/%: export CC = gcc
.venv-fuzzer/%: export FASTMLP_SANITIZE = fuzzer
.venv-thread/%: export FASTMLP_SANITIZE = thread
.venv-fuzzer/% .venv-thread/%: export CC = clang-16
.venv-fuzzer/% .venv-thread/%: export LDSHARED = clang-16 -shared

# Attempts to break it, of any size; what they find goes into RESULTS.
fuzz: $(VENV)/tested
	$(BIN)/python -m robustness.fuzz --cases $(CASES) --results $(RESULTS)

kills: $(VENV)/tested
	$(BIN)/python -m robustness.kills --cases $(KILLS) --results $(RESULTS)

soak: $(VENV)/tested
	$(BIN)/python -m robustness.soak --networks $(NETWORKS) --minutes $(MINUTES) --results $(RESULTS)

faults: $(VENV)/tested
	$(BIN)/python -m robustness.faults --times $(TIMES) --results $(RESULTS)

mutants: $(VENV)/tested
	$(BIN)/python -m robustness.mutants --results $(RESULTS)

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
	rm -rf .venv .venv-debug .venv-address .venv-fuzzer .venv-thread build dist *.egg-info fastmlp/_kernels/*.so

%/bin/python:
	$(PYTHON) -m venv $*
	$@ -m pip install --quiet --upgrade pip

# Editable, so that the package's Python is used as it stands; compiled anew when a source has changed.
$(VENV)/installed: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	touch $@

# The second line finds the package installed, and adds what its extras need; '.[all]' would compile it again.
.venv-%/installed: .venv-%/bin/python $(SOURCES) $(wildcard fastmlp/*.py fastmlp/*/*.py)
	.venv-$*/bin/python -m pip install --quiet --force-reinstall --no-deps .
	.venv-$*/bin/python -m pip install --quiet 'fastmlp[all]'
	touch $@

%/tested: %/installed
	$*/bin/python -m pip install --quiet --group test
	touch $@

%/fuzzed: %/tested
	$*/bin/python -m pip install --quiet --group fuzz
	touch $@

%/linted: %/tested
	$*/bin/python -m pip install --quiet --group lint
	touch $@

%/documented: %/tested
	$*/bin/python -m pip install --quiet --group docs
	touch $@

# the stamps are made on the way to something else, but stay
.SECONDARY:
