# perkd: each target sets itself up in .venv; nothing is needed but Python 3.11, venv and make.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint bench clean
.DELETE_ON_ERROR:

demo: $(READY) ## play the main story on the sandbox and stay up until Ctrl-C
	@$(BIN)/perkd demo

test: $(READY) ## every check: lint, types, layers, tests with coverage, each with its time
	@$(BIN)/python -m tests.run

lint: $(READY) ## only the quick checks
	@$(BIN)/python -m tests.run lint

bench: $(VENV)/.bench ## what perkd costs, as ratios to yardsticks of the same run: loopback only, some minutes a room
	@$(BIN)/python -m tests.bench

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

$(VENV)/.bench: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
