# One door: `make run` and `make test` set up everything they need.
PYTHON ?= python3
BIN := .venv/bin
OLD_DUCKDB := 1.4.5 1.5.6
WORKERS := PYTEST_XDIST_AUTO_NUM_WORKERS=$$(($$(getconf _NPROCESSORS_ONLN) + 1))  # much of a build is waiting for the disk
JAVASCRIPT := $(if $(shell command -v npm),tests/readers/js/node_modules/.package-lock.json)

.PHONY: help run test soak bench check ui lock clean

help:
	@echo "make run    set up and build the synthetic sample warehouse (no network data, no keys)"
	@echo "make test   set up and run all tests"
	@echo "make soak   the long comparisons: no look-ahead on fifty days and all real symbols"
	@echo "make bench  what is fast and what is slow, beside other programs: build/benchmarks.md"
	@echo "make check  the fast inner loop: lint, types, unit and SQL tests"
	@echo "make ui     the Dagster UI on http://127.0.0.1:3000"
	@echo "make lock   renew requirements.lock from pyproject.toml"
	@echo "make clean  remove the virtual environment"

.venv/installed: requirements.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit("Python 3.11 or newer is needed; try make PYTHON=python3.12 run" if sys.version_info < (3, 11) else 0)'
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pipeline.report.bundle
	@touch .venv/installed

# clients of earlier DuckDB versions, each in an environment of its own, for tests/readers
.venv/readers: Makefile .venv/installed
	for version in $(OLD_DUCKDB); do \
		$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/duckdb-$$version && \
		$(BIN)/uv pip install --quiet --only-binary :all: --python .venv/duckdb-$$version/bin/python duckdb==$$version || exit 1; \
	done
	@touch .venv/readers

# a Parquet reader in JavaScript; without npm its test is skipped
tests/readers/js/node_modules/.package-lock.json: tests/readers/js/package-lock.json
	npm ci --prefix tests/readers/js --no-fund --no-audit --silent
	@touch $@

run: .venv/installed
	$(BIN)/rotation build --source sample

test: .venv/installed .venv/readers $(JAVASCRIPT)
	$(WORKERS) $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

soak: .venv/installed
	$(BIN)/python -m pytest -m soak --capture=no

bench: .venv/installed
	$(BIN)/python -m benchmarks

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder tests/unit tests/sql

ui: .venv/installed
	$(BIN)/dagster dev --host 127.0.0.1

lock: .venv/installed
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-strip-extras --generate-hashes --no-emit-index-url --quiet --output-file requirements.lock

clean:
	rm -rf .venv tests/readers/js/node_modules
