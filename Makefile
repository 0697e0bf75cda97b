SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The system's own Python where it can make a virtual environment; one further up in PATH may be anything.
PYTHON ?= $(shell /usr/bin/python3 -m ensurepip --version >/dev/null 2>&1 && echo /usr/bin/python3 || echo python3)
SCENARIO ?=
TAG ?=

# Molecule looks for ansible-config in PATH; Ansible insists on UTF-8.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export LC_ALL := C.UTF-8

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/ansible packages ## Boot a Debian 12 container, install a trigger on it, fire it
	@demo/up

.PHONY: demo-down
demo-down: ## Take the demo away
	@demo/down

.PHONY: test
test: .venv/dev packages ## Lint, Python tests, every Molecule scenario on Debian 11, 12 and 13
	@.ci/test lint unit sanity molecule

.PHONY: lint
lint: .venv/dev ## yamllint, ansible-lint, ruff, mypy
	@.ci/test lint

.PHONY: format
format: .venv/dev ## Let ruff lay out the Python code
	@ruff check --fix --quiet . && ruff format --quiet .

.PHONY: docs
docs: .venv/ansible ## Make the reference anew from argument_specs, and the page of triggerctl from its manual
	@.venv/bin/python tools/reference.py docs/reference.md
	@.venv/bin/python tools/manual.py roles/trigger/files/triggerctl.8 docs/triggerctl.md

.PHONY: unit
unit: .venv/dev ## The Python package's tests
	@.ci/test unit

.PHONY: sanity
sanity: .venv/dev ## ansible-test sanity for the plugins, as part of a collection
	@.ci/test sanity

.PHONY: molecule
molecule: .venv/dev packages ## All Molecule scenarios, or one: SCENARIO=name
	@.ci/test molecule $(SCENARIO)

.PHONY: next-debian
next-debian: .venv/dev packages ## The scenario `default` on the Debian that comes next, as it is today
	@.ci/test next-debian

.PHONY: here
here: .venv/ansible ## The same on this machine itself, which it changes (it needs python3-pytest)
	@.ci/here

.PHONY: bench
bench: .venv/dev packages ## Measure beside the peers, and make docs/benchmarks.md of it
	@bench/run

.PHONY: faults
faults: .venv/dev packages ## Interrupt every system call of a request's way, and compare what was told with what ran (an hour)
	@FAULTS=long .ci/test molecule faults

.PHONY: fuzz
fuzz: .venv/dev ## Ten minutes of hostile bytes for parser, client values and spool
	@fuzz/run

.PHONY: release
release: .venv/ansible ## Build the collection and its notes into .cache/release, for the tag TAG
	@.ci/release $(TAG)

.PHONY: images
images: packages ## Build the containers' images where they are missing
	@molecule/shared/image bullseye bookworm trixie client

.PHONY: clean
clean: ## Take away containers, images, virtual environment and caches
	@molecule/shared/clean
	rm -rf .venv .cache .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.PHONY: packages
packages:
	@molecule/shared/packages

# Two steps, so that the demo need not wait for the linters.
.venv/ansible: requirements.txt
	@echo "==> installing Ansible into .venv"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install -qq --disable-pip-version-check --requirement $<
	@touch $@

.venv/dev: requirements-dev.txt .venv/ansible
	@echo "==> installing Molecule and the linters into .venv"
	@.venv/bin/pip install -qq --disable-pip-version-check --requirement $<
	@touch $@
