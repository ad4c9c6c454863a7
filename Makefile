# Everything a developer runs. `make` lists the targets; `make ci` is exactly what CI runs.
#
# Needs Rust, a C compiler, Python 3.11 or newer and make. The rest goes into $(VENV) and Cargo's target folder.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
ENGINE := python/dbbackup/_engine.abi3.so
ENGINE_SOURCES := $(shell find crates \( -name '*.rs' -o -name Cargo.toml \) -print) \
	Cargo.toml $(wildcard Cargo.lock) .cargo/config.toml

# The extension leaves Python's symbols to the interpreter that loads it, so it cannot be linked into a test program.
RUST_TESTED := --workspace --exclude dbbackup-python
RUFF := $(PY) -m ruff
CI_STEPS := fmt-check lint types gen-check docs sdist-check torture-check test-django6 test

# Django 6 gets the tests of what Django sees. The package is not installed there: the extension fits every Python from 3.11.
DJANGO6 := .venvs/django6
DJANGO6_TESTS := tests/unit tests/connectors tests/commands/test_signals.py tests/commands/test_mails.py \
	tests/commands/test_storages.py tests/commands/test_own_connectors.py tests/commands/test_json.py

# For `make torture`; without a seed the clock gives one.
SECONDS ?= 60
SEED ?=
ROUND ?=

# maturin refuses to choose between a conda environment and ours.
unexport CONDA_PREFIX

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-django6 compare-predecessor fmt fmt-check lint types gen gen-check docs sdist-check torture torture-check bench clean ci

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-19s %s\n", $$1, $$2 }' Makefile

demo: $(ENGINE) ## show a backup, a disaster and a restore on a small Django project
	@$(PY) examples/shop/tour.py

test: $(ENGINE) ## run the Rust tests, the documentation examples and the Python tests
	@if command -v cargo-nextest >/dev/null; then \
		cargo nextest run $(RUST_TESTED) && cargo test --quiet --doc $(RUST_TESTED); \
	else \
		cargo test $(RUST_TESTED); \
	fi
	$(PY) -m pytest

test-django6: $(ENGINE) ## run the Django app's tests on Django 6, where there is a Python for it
	@python=$$(.ci/newer-python); \
	if test -z "$$python"; then echo 'skipped: Django 6 needs Python 3.12 or newer, and there is none'; exit 0; fi; \
	test -e $(DJANGO6)/.done || { \
		"$$python" -m venv $(DJANGO6) && \
		$(DJANGO6)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' && \
		$(DJANGO6)/bin/python -m pip install --quiet --disable-pip-version-check --group django6 && \
		touch $(DJANGO6)/.done; \
	} && PYTHONPATH="$(CURDIR)/python" $(DJANGO6)/bin/python -m pytest -m 'not slow' $(DJANGO6_TESTS)

compare-predecessor: $(ENGINE) ## run the tests of what django-dbbackup does wrong with both, and write the table
	$(PY) -m tests.defects.compare docs/coming-from-django-dbbackup.md

fmt: $(VENV)/.dev ## format Rust and Python
	cargo fmt --all
	$(RUFF) check --quiet --fix --select I
	$(RUFF) format

fmt-check: $(VENV)/.dev ## check the formatting
	cargo fmt --all --check
	$(RUFF) format --check

lint: $(VENV)/.dev ## run clippy and ruff
	cargo clippy --workspace --all-targets -- -D warnings
	$(RUFF) check

types: $(ENGINE) ## check the types, and the stubs against the extension
	$(PY) -m mypy --exclude "^bench/dataset.py$$"
	$(PY) -m mypy.stubtest dbbackup._engine --allowlist .ci/stubtest-allowlist.txt

gen: $(VENV)/.dev ## generate the reference pages, completions and manual pages from the code
	cargo run --quiet -p dbbackup-cli --example reference -- docs/reference packaging/data/share
	PYTHONPATH=python $(PY) .ci/reference.py docs/reference

gen-check: gen ## check that what is generated is up to date
	git diff --exit-code -- docs/reference packaging
	@new=$$(git ls-files --others --exclude-standard -- docs/reference packaging); \
	test -z "$$new" || { echo "not committed: $$new" >&2; exit 1; }

# Not --quiet: mkdocs then does not count the warnings that --strict is for.
docs: $(VENV)/.docs ## build the documentation into site/, and the crates'
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --workspace --lib

sdist-check: $(VENV)/.dev ## build the source distribution, install it alone and run it
	@PYTHON="$(PY)" .ci/sdist-check

# Both in one build: the program is found beside the example.
torture: ## try to lose data, until something is lost (SECONDS=600 SEED=1, ROUND=7 for one of its rounds)
	@cargo build --quiet --release -p dbbackup-cli --bin dbbackup --example torture
	@cargo run --quiet --release -p dbbackup-cli --example torture -- \
		--seconds $(SECONDS) $(SEED:%=--seed %) $(ROUND:%=--round %)

torture-check: ## run the torture for a moment, with a fixed seed
	@$(MAKE) --no-print-directory torture SECONDS=45 SEED=1 ROUND=

bench: $(ENGINE) ## measure against other tools (ARGS="--rounds 3 --only list")
	cargo build --release -p dbbackup-cli --bin dbbackup
	$(PY) -m bench.run $(ARGS)

clean: ## remove everything that make made
	cargo clean
	rm -rf $(VENV) $(ENGINE) demo site bench/data

ci: ## everything that CI checks, the tests last
	@for step in $(CI_STEPS); do \
		printf '\n==> make %s\n' $$step; start=$$(date +%s); \
		$(MAKE) --no-print-directory $$step || exit 1; \
		printf '==> %s: %s s\n' $$step $$(($$(date +%s) - start)); \
	done

$(VENV)/.dev: pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'dbbackup needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { \
		echo 'Python lacks its venv module (Debian, Ubuntu: the package python3-venv)' >&2; exit 1; }
	@echo 'Installing the Python tools into $(VENV)'
	@$(PY) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(PY) -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	@$(PY) -m pip install --quiet --disable-pip-version-check --group docs
	@touch $@

# VIRTUAL_ENV is set for this one command: pyo3 compiles anew whenever it changes.
$(ENGINE): $(VENV)/.dev $(ENGINE_SOURCES)
	PIP_QUIET=1 VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(PY) -m maturin develop --release
	@test -s $@ && touch $@
