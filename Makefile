# Each target works from a fresh clone: it makes .venv first, again when pyproject.toml changes.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
ETCD := .venv/etcd

# The distribution's etcd, if `make test` had to fetch it, goes before the wheel's.
export PATH := $(CURDIR)/$(ETCD)/usr/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo up test lint bench clean etcd

help: ## print this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(INSTALLED) ## a cluster on this machine loses a node and its leader; every tick is audited
	@$(BIN)/python -m crony_ops.local.demo

up: $(INSTALLED) ## a cluster on this machine with the jobs of jobs/, until Ctrl-C
	@$(BIN)/crony-ops up

test: $(INSTALLED) etcd ## all tests, against real etcd servers
	@$(BIN)/pytest -q -n 3 --dist worksteal

lint: $(INSTALLED) ## format, lint, types, import layers, YAML, playbooks and roles
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(BIN)/yamllint -s .
	@PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/ansible-lint -q

bench: $(INSTALLED) ## the benchmarks, each beside its floor
	@$(BIN)/python -m bench $(ONLY)

clean: ## remove all that these targets have made
	@rm -rf .venv .crony .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .ansible
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@echo "installing into .venv"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dev]'
	@touch $@

# The package is unpacked, not installed: installing it would start a service. Where this can't be
# done the tests take the wheel's etcd.
etcd:
	@command -v etcd >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
		mkdir -p $(ETCD) && cd $(ETCD) && { \
		apt-get download -qq etcd-server 2>/dev/null || \
		{ apt-get update -qq && apt-get download -qq etcd-server; }; } && \
		dpkg -x etcd-server_*.deb . && rm etcd-server_*.deb; } >/dev/null 2>&1 || \
		echo "no etcd from apt: testing with the wheel's"
