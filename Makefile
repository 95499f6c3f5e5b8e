# perkd: each target sets itself up in .venv. You need Python 3.11 or newer with venv, and make.
# The first of these that runs and is new enough is used; `make PYTHON=/path/to/python test` names another one.
CANDIDATES := python3.13 python3.12 python3.11 python3
NEW_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(firstword $(foreach one,$(CANDIDATES),$(shell $(one) -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo $(one))))
endif
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint mutants bench clean
.DELETE_ON_ERROR:

demo: $(READY) ## play the main story on the sandbox and stay up until Ctrl-C
	@$(BIN)/perkd demo

test: $(READY) ## every check: lint, types, layers, tests with coverage, each with its time
	@$(BIN)/python -m tests.run

lint: $(READY) ## only the quick checks
	@$(BIN)/python -m tests.run lint

mutants: $(READY) ## small changes to the deciding code that no unit test notices: a sample, five minutes; SEED=7 draws another
	@$(BIN)/python -m tests.mutants --seed $(or $(SEED),0)

bench: $(VENV)/.bench ## what perkd costs, as ratios to yardsticks of the same run: loopback only, some minutes a room
	@$(BIN)/python -m tests.bench

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "perkd needs Python 3.11 or newer with venv. None of these is: $(CANDIDATES)." \
	  "Install one (Debian: python3 python3-venv), or name it: make PYTHON=/path/to/python test"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

$(VENV)/.bench: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
