# `make train` and `make test` are all that a newcomer needs: Python 3.11 or newer (with venv and headers) and a C
# compiler. Everything is installed into folders here; `make clean` removes them.

PYTHON ?= python3
# those for which `make wheel` builds one
PYTHONS ?= $(shell .ci/pythons)
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard src_pyx/*) setup.py setup_compiler.py pyproject.toml
SCRIPTS := .ci/run .ci/pythons $(wildcard tests/*/scripts/*.sh)

# what benchmarks compare with, besides what is installed; of PyTorch, its CPU build
LIBRARIES ?= scikit-learn jax

# how often each attempt to break it is made, and the folder for the results
CASES ?= 4000
REPETITIONS ?= 60
KILLS ?= 50
NETWORKS ?= 10000
MINUTES ?= 60
TIMES ?= 20
MUTANTS ?= 20
RESULTS ?= build/robustness
# tests of what depends on moments and machines: processes, signals, threads and their limits, kills, full disks
FAULTS := $(addprefix tests/engine/test_,processes.py signals.py threads.py thread_limits.py) \
	$(addprefix tests/files/test_,access.py checkpoints.py) tests/tuning/test_results.py

.PHONY: train test test-debug wheel sanitize fuzz faults kills soak mutants lint docs bench bench-quick notebook libraries \
	clean

train: $(VENV)/installed
	$(BIN)/fastmlp train --out runs/digits --replace
	@echo "The figure lies in $(CURDIR)/runs/digits/history.png"

test: $(VENV)/tested
	$(BIN)/pytest

# Bounds checks on. Run where `import fastmlp` does not find the checkout's package before this build.
test-debug: build/debug/built
	cd tests && PYTHONPATH=$(CURDIR)/build/debug ../$(BIN)/pytest

# In dist/, the source distribution and, built from it, a wheel for each Python here. A wheel contains what it needs, such
# as libgomp; the manylinux tag in its name says how old a system it can be installed on. Those of a release are built
# on an older system, by cibuildwheel.
wheel: build/package/packaging
	@[ -n "$(strip $(PYTHONS))" ] || { echo "no Python: say PYTHONS=/path/to/python3.12" >&2; exit 1; }
	rm -rf dist build/wheels
	build/package/bin/python -m build --sdist --outdir dist > build/sdist.log || (cat build/sdist.log; exit 1)
	printf '%s\n' $(PYTHONS) | xargs -I {} -P 4 \
		build/package/bin/python -m pip --python {} wheel --no-deps --wheel-dir build/wheels dist/*.tar.gz
	PATH="$(CURDIR)/build/package/bin:$$PATH" auditwheel repair --strip --wheel-dir dist build/wheels/*.whl
	build/package/bin/twine check --strict dist/*
	ls -l dist

# AddressSanitizer and UBSan, valgrind, ThreadSanitizer. Whoever runs them asks here for the builds that they need.
sanitize: $(VENV)/tested
	$(BIN)/python -m robustness.sanitize --repetitions $(REPETITIONS) --calls $(CASES) --results $(RESULTS)

# Attempts to break it, of any size.
fuzz: $(VENV)/tested
	$(BIN)/python -m robustness.fuzz --cases $(CASES) --results $(RESULTS)

kills: $(VENV)/tested
	$(BIN)/python -m robustness.kills --cases $(KILLS) --results $(RESULTS)

soak: $(VENV)/tested
	$(BIN)/python -m robustness.soak --networks $(NETWORKS) --minutes $(MINUTES) --results $(RESULTS)

faults: $(VENV)/tested
	for i in $$(seq $(TIMES)); do $(BIN)/pytest -qx $(FAULTS) || exit 1; done

mutants: $(VENV)/tested
	$(BIN)/python -m robustness.mutants --count $(MUTANTS) --results $(RESULTS)

lint: $(VENV)/linted
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint src_pyx
	$(BIN)/mypy
	$(BIN)/stubtest fastmlp._kernels --concise --mypy-config-file pyproject.toml --ignore-disjoint-bases \
		--allowlist tests/package/stubtest.txt
	$(BIN)/shellcheck $(SCRIPTS)
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms \
		$(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

# Every command and every example of the pages is run too; those with CIFAR-10 where FASTMLP_DATA names its folder.
docs: $(VENV)/documented
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -b html docs build/docs
	$(BIN)/pytest -q --doctest-modules fastmlp
	$(BIN)/pytest -q docs/test_pages.py
	@echo "The first page is $(CURDIR)/build/docs/index.html"

# the report comes also where a system failed or was wrong: it says so
bench: libraries
	-$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.sizes
	$(BIN)/python -m benchmarks.report

bench-quick: libraries
	$(BIN)/python -m benchmarks.compare --quick

# FASTMLP_DATA names the folder with CIFAR-10; takes five minutes
notebook: $(VENV)/tested
	$(BIN)/python -m pip install --quiet nbconvert
	cd examples && ../$(BIN)/jupyter nbconvert --to notebook --execute --inplace cifar10.ipynb

libraries: $(VENV)/tested
	$(BIN)/python -m pip install --quiet $(LIBRARIES)

clean:
	rm -rf .venv build dist *.egg-info fastmlp/_kernels/*.so

%/bin/python:
	$(PYTHON) -m venv $*
	$@ -m pip install --quiet --upgrade pip

# Editable, so that the package's Python is used as it stands; compiled anew when a source has changed.
$(VENV)/installed: $(BIN)/python $(SOURCES) fastmlp/__init__.py README.md
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	touch $@

# Other builds of the package, which PYTHONPATH puts in the place of the environment's.
debug_build := FASTMLP_DEBUG=1
address_build := FASTMLP_SANITIZE=address CC=gcc
thread_build := FASTMLP_SANITIZE=thread CC=gcc
build/%/built: $(VENV)/tested $(SOURCES) $(wildcard fastmlp/*.py fastmlp/*/*.py)
	$($*_build) $(BIN)/python -m pip install --quiet --no-deps --upgrade --target build/$* .
	touch $@

%/tested: %/installed
	$*/bin/python -m pip install --quiet --group test
	touch $@

%/linted: %/tested
	$*/bin/python -m pip install --quiet --group lint
	touch $@

%/packaging: %/bin/python
	$*/bin/python -m pip install --quiet --group package
	touch $@

%/documented: %/tested
	$*/bin/python -m pip install --quiet --group docs
	touch $@

# the stamps are made on the way to something else, but stay
.SECONDARY:
