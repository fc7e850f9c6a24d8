# What a person needs to know of this project's commands: `make help` prints the lines with two hashes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APT := python3-venv make curl openssl
# What tests and benches call beyond that: .ci/run installs it, elsewhere they do without and say so.
TEST_APT := wrk
ONCE ?=

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(VENV)/.complete ## make .venv with everything that is pinned (checks first what the machine lacks)

$(VENV)/.complete: requirements/run.lock requirements/dev.lock pyproject.toml tools/preflight.sh tools/stubs.py src/meshgate/proto/names.py
	@bash tools/preflight.sh "$(PYTHON)" $(APT)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python tools/stubs.py
	@touch $@

demo: setup ## a mesh with an ingress gateway, five workloads and scenario 5; ONCE=1 ends by itself
	@$(BIN)/meshgate tour demo $(if $(ONCE),--once,)

check: setup ## format, lint, import contracts, types, fast tests
	$(BIN)/ruff format --check src tests tools
	$(BIN)/ruff check src tests tools
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/python tools/size.py
	$(BIN)/pytest -m "not slow and not e2e and not envoy"

test: setup ## all tests, end-to-end ones included (needs root for network namespaces; else these skip, with the reason)
	$(BIN)/pytest -rs

bench: setup ## the tables of docs/performance.md, measured here and now
	$(BIN)/python -m tests.bench

golden: setup ## write the golden cases anew (then read the diff as code)
	$(BIN)/pytest -m "not e2e" --update-golden

lock: setup ## resolve requirements/*.lock anew from pyproject.toml and requirements/dev.in
	$(BIN)/pip-compile -q --upgrade --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --strip-extras -o requirements/run.lock pyproject.toml
	$(BIN)/pip-compile -q --upgrade --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --strip-extras -c requirements/run.lock -o requirements/dev.lock requirements/dev.in

clean: ## remove what setup and the tools have made
	rm -rf $(VENV) typings build dist .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup demo check test bench golden lock clean
