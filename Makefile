# The one way to run each tool. `make` alone lists what there is.

# The Python that .venv is made with; empty: the first of python3, python3.13, … that suits.
PYTHON ?=
# What is handed on to the command, as in: make lab ARGS="--seeds 3"
ARGS ?=

bin := .venv/bin
pytest := $(bin)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadscope --no-loadscope-reorder
pip_install := $(bin)/python -m pip install --no-build-isolation -c constraints.txt

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_USER := 0
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help
help:
	@echo 'make lab      run the shipped studies, end to end, to one report'
	@echo 'make test     all checks below, the last two side by side'
	@echo 'make format     ruff: the layout of the code (fix it with: make fix)'
	@echo 'make lint       ruff: names, docstrings, common mistakes'
	@echo 'make layers     import-linter: imports point one way'
	@echo 'make types      pyright'
	@echo 'make pytest     the tests and the doctests'
	@echo 'make test-long  the tests that take minutes: simulations and faults at length'
	@echo 'make fix      let ruff lay out the code and mend what it can'
	@echo 'make bench    time fairtrial on this machine, beside other systems if they are installed'
	@echo 'make bench-peers  install those: JAX and PyTorch'
	@echo 'make clean    remove .venv and what the tools leave behind'
	@echo
	@echo 'ARGS="..." hands arguments on to lab, pytest and bench: make lab ARGS="--seeds 3"'
	@echo 'PYTHON=... names the Python that a new .venv is made with: make clean test PYTHON=python3.12'

# --- What people come for -------------------------------------------------------------------

.PHONY: lab
lab: .venv/.installed fashion_mnist
	$(bin)/fairtrial lab $(ARGS)

.PHONY: bench
bench: .venv/.installed
	@$(bin)/python -m benchmarks.peers $(ARGS)

.PHONY: bench-peers
bench-peers: .venv/.installed
	$(pip_install) -c benchmarks/constraints.txt jax torch

# --- Checks ---------------------------------------------------------------------------------

.PHONY: test
test: format lint layers types-and-pytest

# Pyright runs beside the tests, which do not use all cores all the time.
.PHONY: types-and-pytest
types-and-pytest: .venv/.installed-dev fashion_mnist chromium
	@$(MAKE) --no-print-directory --jobs=2 types pytest || \
		{ echo 'make types or make pytest failed: look above for "error:" and for "FAILED".'; exit 1; }

.PHONY: format
format: .venv/.installed-dev
	$(bin)/ruff format --check

.PHONY: lint
lint: .venv/.installed-dev
	$(bin)/ruff check

.PHONY: types
types: .venv/.installed-dev
	$(bin)/pyright

.PHONY: layers
layers: .venv/.installed-dev
	$(bin)/lint-imports

.PHONY: pytest
pytest: .venv/.installed-dev fashion_mnist chromium
	$(pytest) -m "not long" $(ARGS)

.PHONY: test-long
test-long: .venv/.installed-dev
	$(pytest) -m long $(ARGS)

.PHONY: fix
fix: .venv/.installed-dev
	$(bin)/ruff format
	$(bin)/ruff check --fix

# --- What they stand on ---------------------------------------------------------------------

.venv/.made: scripts/make-venv.sh
	scripts/make-venv.sh '$(PYTHON)'
	@touch $@

.venv/.installed: .venv/.made pyproject.toml constraints.txt
	$(pip_install) pip setuptools -e '.[intel]'
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(pip_install) -e '.[dev]'
	@touch $@

# Debian's package where this may install it, else a download into the user's cache. Without either
# the lab goes on with scikit-learn's digits.
.PHONY: fashion_mnist
fashion_mnist: .venv/.installed
	@$(bin)/fairtrial data path fashion_mnist >/dev/null 2>&1 || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -q update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends \
		dataset-fashion-mnist; } || true
	@$(bin)/fairtrial data fetch fashion_mnist || \
		echo 'Fashion-MNIST could not be had: the small digits data takes its place.'

# Without it the tests of the report page in a browser are skipped.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
		command -v google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -q update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends chromium; } || \
		echo 'Chromium could not be had: the tests of the report page in a browser are skipped.'

.PHONY: clean
clean:
	rm -rf .venv build dist src/*.egg-info
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks examples -name __pycache__ -prune -exec rm -rf {} +
