# Two commands suffice on a fresh machine: `make demo` and `make test`. Both create .venv here.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint types bench clean

setup: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[evaluate,test]'
	touch $@

demo: setup
	$(BIN)/darkpool-watch demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

# Two workers and no more, each file on one of them: kernels are compiled once, before both start.
# Long files come first (tests/conftest.py); without the option xdist would sort by number of tests.
test: setup
	$(BIN)/darkpool-watch compile
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m pytest bench --benchmark-enable --benchmark-only
	$(BIN)/darkpool-watch bench throughput
	$(BIN)/darkpool-watch bench latency

clean:
	rm -rf .venv
