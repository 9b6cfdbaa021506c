# billfold: `make` lists the targets. Everything lives in .venv, made from requirements.lock on first use.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO := demo

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fmt docs bench bench-rating bench-allocation bench-backfill bench-peers lock clean server deploy worker

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## make .venv from requirements.lock (every other target does it when needed)

# uv comes from the lock too: with pip, hash-checked, into this .venv, where the machine has none.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "billfold needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null || test -x $(BIN)/uv || { \
	  echo "Installing uv into .venv"; \
	  awk '/^uv==/ {on=1} on {print} on && !/\\$$/ {exit}' requirements.lock > .venv/uv.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.lock; }
	@echo "Installing what requirements.lock names into .venv"
	@PATH="$(CURDIR)/$(BIN):$$PATH" uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@PATH="$(CURDIR)/$(BIN):$$PATH" uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY) ## bill a real-looking month, end to end, under demo/
	@$(BIN)/python -m flows.demo $(DEMO)

# The tests start the program hundreds of times: whatever the shell says, it is compiled once. One worker more than
# there are processors works while another waits for a server.
test: $(READY) ## run every test, and every example in a docstring
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -q --dist loadgroup --no-loadscope-reorder \
	  -n $$(( $$($(BIN)/python -c 'import os; print(len(os.sched_getaffinity(0)))') + 1 ))

check: $(READY) ## ruff, mypy --strict, import rules, printed docs fresh; writes nothing
	@$(BIN)/ruff format --check --quiet . || { echo "run: make fmt"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@PATH="$(CURDIR)/$(BIN):$$PATH" lint-imports --no-cache
	@$(BIN)/python -m flows.docs --check

fmt: $(READY) ## format the code and mend what ruff can
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

docs: $(READY) ## print the data dictionary, rules and postings from the code
	@$(BIN)/python -m flows.docs

server: $(READY) ## start Prefect's server and its pages on 127.0.0.1 (PORT=4200); it keeps all in .prefect/
	@$(BIN)/python -m flows.orchestrated.operating server $(if $(PORT),--port $(PORT))

deploy: $(READY) ## register the deployments of prefect.yaml, their schedules and the alerts with that server
	@$(BIN)/python -m flows.orchestrated.operating deploy

worker: $(READY) ## run what is scheduled, until it is stopped
	@$(BIN)/python -m flows.orchestrated.operating worker

bench: $(READY) ## measure against a plain group-by, as ratios (ROWS=2000000; ALL=1 all benches; KEEP=1 for docs/PERFORMANCE.md)
	@$(BIN)/python -m tests.benchmarks $(if $(ROWS),--rows $(ROWS)) $(if $(FOLDER),--folder $(FOLDER)) $(if $(ALL),--all) $(if $(ONCE),--once) $(if $(KEEP),--keep)

bench-rating: $(READY) ## measure metering and pricing alone (ROWS=2000000, FOLDER= keeps the world)
	@$(BIN)/python -m tests.benchmarks.rating $(if $(ROWS),--rows $(ROWS)) $(if $(FOLDER),--folder $(FOLDER)) $(if $(KEEP),--keep)

bench-allocation: $(READY) ## measure alone who pays for what (CHARGES=1000000)
	@$(BIN)/python -m tests.benchmarks.allocation $(if $(CHARGES),--charges $(CHARGES)) $(if $(KEEP),--keep)

bench-backfill: $(READY) ## measure a backfill against the month it corrects (ROWS=1000000 a month of 12, ACCOUNTS=150)
	@$(BIN)/python -m tests.benchmarks.backfill $(if $(ROWS),--rows $(ROWS)) $(if $(ACCOUNTS),--accounts $(ACCOUNTS)) $(if $(KEEP),--keep)

bench-peers: $(READY) ## rate the same month with pandas, a plain loop and CloudKitty, from PyPI (ROWS=2000000)
	@$(BIN)/python -m tests.benchmarks.peers $(if $(ROWS),--rows $(ROWS)) $(if $(FOLDER),--folder $(FOLDER)) $(if $(KEEP),--keep)

lock: $(READY) ## renew requirements.lock from pyproject.toml
	@PATH="$(CURDIR)/$(BIN):$$PATH" uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --quiet --custom-compile-command "make lock" \
	  --output-file requirements.lock

clean: ## remove what was made: .venv, demo/, caches
	@rm -rf .venv tests/benchmarks/.venvs $(DEMO) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
