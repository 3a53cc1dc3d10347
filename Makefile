# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
# Where this is set (as in many images), each of the hundred programs that the tests start would compile all code anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help env lint floors check test soak guards demo bench parts lock

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

env: $(STAMP) ## prepare .venv from the hash-pinned lock file

$(STAMP): requirements.lock pyproject.toml
	@sh deploy/system_parts.sh venv "$(PYTHON)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

parts: ## install the servers, the browser and the font that the tests use (apt, root or sudo)
	@sh deploy/system_parts.sh all

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

floors: env
	$(BIN)/lint-imports
	@# Compiles every test once, which otherwise each worker of pytest would do for itself.
	@$(BIN)/pytest --collect-only -qq > $(VENV)/collected || { cat $(VENV)/collected; exit 1; }

check: lint floors ## lint, types, floors, and the quick tests
	$(BIN)/pytest -q -m "not system" -x

test: ## everything: lint, types, floors, all tests (installs the system parts it needs)
	@$(MAKE) --no-print-directory -j2 env parts
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint floors
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

soak: env parts ## hours of random histories, a storm of 2,000 homes, 1,000 crashes: too long for every day
	MIMAMORI_PURE_HISTORIES=200000 MIMAMORI_HYPOTHESIS_HISTORIES=5000 MIMAMORI_ALERT_HISTORIES=1000 MIMAMORI_STORM_HOMES=2000 \
	  $(BIN)/pytest -n 2 --dist loadfile --timeout 7200 tests/alerts
	MIMAMORI_ALERT_STORE=postgresql $(BIN)/pytest -n 2 --dist loadfile --timeout 7200 tests/alerts
	$(BIN)/python benchmarks/crash_injection.py --incidents 1000

guards: env parts ## take each guard of docs/guarantees.md out of a copy, and see that its tests fail
	$(BIN)/python tests/alerts/guards.py

demo: env ## twelve homes, time running fast, on http://127.0.0.1
	$(BIN)/mimamori demo

bench: env ## the measured claims, side by side
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: ## renew requirements.lock (needs uv; writes hashes and no address)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock
