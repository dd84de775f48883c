# Everything a developer does, on a machine with Python 3.11 to 3.13 and Java 17 to 21.
# `make demo` and `make test` do all set-up themselves; once done, it costs less than a second.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup demo dist test test-unit test-spark test-kill test-cluster test-kafka lint types imports check bench

# Looked for only when a virtual environment has to be made; `make PYTHON=… setup` names another.
PYTHON ?= $(shell for each in python3 python3.11 python3.12 python3.13; do \
	$$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo $$each && break; done)
BIN := .venv/bin

# The place counts too: an environment does not survive a move of the checkout.
STAMP := .venv/set-up-$(shell (pwd; cat requirements.lock pyproject.toml) | cksum | tr ' ' '-')

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## Make .venv from the lock, and fetch the Delta jars once
	@$(BIN)/python -m ceasefire.runtime.jars >/dev/null

demo: setup ## Play a week of real customers, into ceasefire-demo/
	@$(BIN)/ceasefire demo

dist: setup ## Build the wheel, and the zip that spark-submit hands to executors, into dist/
	@rm -rf dist
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@cp dist/ceasefire-*.whl dist/ceasefire.zip
	@ls dist

# A test's JVM does everything once or twice: what Java compiles for speed never pays. Of one compiler alone it would keep
# too little code for a session of half an hour.
test-unit test-spark test-kill test-cluster test-kafka: export JAVA_TOOL_OPTIONS := \
	-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m $(JAVA_TOOL_OPTIONS)

# Spark's tests leave half a core free. Make starts both, so that neither is deaf to Ctrl-C.
test: setup ## Run all tests but those with kills, a cluster or a broker
	@$(MAKE) --no-print-directory --jobs=2 test-unit test-spark

test-unit: setup ## Run the tests that need no Spark; two minutes
	$(BIN)/python -m pytest tests/unit

test-spark: setup ## Run the tests in one session of Spark
	$(BIN)/python -m pytest $(addprefix --ignore=tests/,unit fault/kill cluster kafka)

test-kill: setup ## Run the tests that kill the program at every point and start it again
	$(BIN)/python -m pytest tests/fault/kill -q

test-cluster: dist ## Run the jobs on a cluster of one master and one worker
	$(BIN)/python -m pytest tests/cluster -q

test-kafka: setup ## Run the tests against a broker of their own; fetches it, and Kafka's jars, once
	$(BIN)/python -m pytest tests/kafka -q

lint: setup ## Check style and format
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

types: setup ## Check types, strictly
	$(BIN)/python -m mypy lib jobs

imports: setup ## Check the direction of imports
	$(BIN)/lint-imports

check: lint types imports test ## All that `test` runs, and style, types and imports

bench: setup ## Take all figures of tests/bench/README.md anew; half an hour on two quiet cores
	PYTHONPATH=tests $(BIN)/python -m bench

# pip and not a faster installer: a machine's proxy or mirror is often known to pip alone. The lock is complete,
# so nothing is resolved, and each file has to have a hash that stands there. Python compiles what it imports; to
# compile all of it beforehand takes as long as the rest of the installation.
$(STAMP):
	@if [ ! -x $(BIN)/python ]; then \
		test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 found; install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 3; }; \
		$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
			echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), allowed: Python 3.11 to 3.13; name one: make PYTHON=/path/to/python3.11" >&2; exit 3; }; \
		$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
			echo "$(PYTHON) cannot make virtual environments; install its venv package (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 3; }; \
		echo "making .venv with $$($(PYTHON) --version)"; \
		$(PYTHON) -m venv .venv; \
	fi
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@echo "installing the packages of requirements.lock"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --use-pep517 --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@rm -f .venv/set-up-*
	@touch $@
