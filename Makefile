# Each target works from a fresh clone: it makes .venv first, again when pyproject.toml changes.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
ETCD := .venv/etcd
SSHD := .venv/sshd
CRON := .venv/cron
WHEELHOUSE := dist/wheelhouse

# The distribution's etcd, if `make test` had to fetch it, goes before the wheel's.
export PATH := $(CURDIR)/$(ETCD)/usr/bin:$(PATH)
# Programs are started by the hundred: their bytecode is kept, whatever this environment says.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo up test fuzz hosts faults soak lint bench wheelhouse clean etcd sshd cron nspawn always

help: ## print this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(INSTALLED) ## a cluster on this machine loses a node and its leader; every tick is audited
	@$(BIN)/python -m crony_ops.local.demo

up: $(INSTALLED) ## a cluster on this machine with the jobs of jobs/, until Ctrl-C
	@$(BIN)/crony-ops up

# The minute of faults and the hosts come last and one by one: they measure times, so nothing runs
# beside them.
test: $(INSTALLED) etcd sshd nspawn wheelhouse ## all tests: against real etcd servers, processes and hosts (25 minutes)
	@$(BIN)/pytest -q --ignore=tests/hosts --ignore=tests/faults/test_the_promise.py -n 3 --dist worksteal
	@$(BIN)/pytest -q -rs tests/faults/test_the_promise.py tests/hosts

# Round after round until the time is over, and the round that it ends in is finished. What fails
# stands in .hypothesis, and the next `make test` tries it first.
fuzz: $(INSTALLED) ## random cases for cores and readers: make fuzz SECONDS=600
	@end=$$(( $$(date +%s) + $(or $(SECONDS),300) )); while [ $$(date +%s) -lt $$end ]; do \
		$(BIN)/pytest -q tests/unit tests/integration -m fuzz --hypothesis-profile=fuzz \
			-n 3 --dist worksteal --timeout=1800 || exit 1; done

hosts: $(INSTALLED) etcd nspawn wheelhouse ## those on hosts alone: Ansible, systemd, power cuts (as root; 10 minutes)
	@$(BIN)/pytest -q -rs tests/hosts

faults: $(INSTALLED) etcd ## the promise, proven under faults: make faults DURATION=600 SEED=7
	@$(BIN)/python -m tests.faults.proof $(DURATION:%=--duration %) $(SEED:%=--seed %)

soak: $(INSTALLED) etcd ## does anything grow in the long run? make soak DURATION=1800 (half an hour)
	@$(BIN)/python -m tests.faults.proof.soak $(DURATION:%=--duration %)

lint: $(INSTALLED) ## format, lint, types, import layers, YAML, playbooks and roles
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(BIN)/yamllint -s .
	@PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/ansible-lint -q

bench: $(INSTALLED) cron ## the benchmarks, each beside its floor: make bench ONLY="sync growth" (all: 20 minutes)
	@$(BIN)/python -m bench $(ONLY)

# What goes to hosts is built here, for they may reach no index. For hosts whose Python or machine is
# another than this one's, say which (further ones may follow, into the same folder):
#   make wheelhouse FOR='--python-version 3.13 --platform manylinux_2_28_aarch64'
# For presets that install packages of their own: make wheelhouse WITH='requests==2.32.3'
wheelhouse: $(INSTALLED) $(WHEELHOUSE)/.own $(WHEELHOUSE)/.needed ## what hosts install, into dist/wheelhouse

$(WHEELHOUSE)/.own: pyproject.toml README.md $(shell find crony_ops -type f ! -path '*/__pycache__/*')
	@echo "building the wheel"
	@$(BIN)/python -m pip wheel -qq --disable-pip-version-check --no-deps -w $(WHEELHOUSE) .
	@touch $@

# `pip` itself is among them: so a host needs neither pip nor ensurepip.
$(WHEELHOUSE)/.needed: pyproject.toml $(if $(FOR)$(WITH),always) | $(WHEELHOUSE)/.own
	@$(BIN)/python -m pip download -qq --disable-pip-version-check --only-binary=:all: $(FOR) \
		--find-links $(WHEELHOUSE) -d $(WHEELHOUSE) pip $(WITH) \
		"crony-ops[node,watcher]==$$($(BIN)/python -c 'import crony_ops; print(crony_ops.__version__)')"
	@touch $@

clean: ## remove all that these targets have made
	@rm -rf dist .venv .crony .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .ansible bench/results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@echo "installing into .venv"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dev]'
	@touch $@

# The package is unpacked, not installed: installing it would start a service. Where this can't be
# done the tests take the wheel's etcd, whose script on the PATH of an activated .venv does not count.
etcd: $(INSTALLED)
	@$(BIN)/python -c 'import sys, crony_ops.local.etcd as etcd; sys.exit(etcd.etcd_on_path() is None)' || \
		[ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
		mkdir -p $(ETCD) && cd $(ETCD) && { \
		apt-get download -qq etcd-server 2>/dev/null || \
		{ apt-get update -qq && apt-get download -qq etcd-server; }; } && \
		dpkg -x etcd-server_*.deb . && rm etcd-server_*.deb; } >/dev/null 2>&1 || \
		echo "no etcd from apt: testing with the wheel's"

# Unpacked for the same reason: tests start it themselves, on loopback. Without it these are skipped.
sshd:
	@[ -x /usr/sbin/sshd ] || [ -x $(SSHD)/usr/sbin/sshd ] || ! command -v apt-get >/dev/null || { \
		mkdir -p $(SSHD) && cd $(SSHD) && { \
		apt-get download -qq openssh-server libwrap0 2>/dev/null || \
		{ apt-get update -qq && apt-get download -qq openssh-server libwrap0; }; } && \
		for package in *.deb; do dpkg -x "$$package" .; done && rm *.deb; } >/dev/null 2>&1 || \
		echo "no sshd from apt: what needs one is not tested"

# Unpacked, so that none runs on this machine: the benchmark starts it where it sees its own crontab
# alone. That takes root.
cron:
	@command -v cron >/dev/null || [ -x $(CRON)/usr/sbin/cron ] || [ "$$(id -u)" != 0 ] || \
		! command -v apt-get >/dev/null || { \
		mkdir -p $(CRON) && cd $(CRON) && { \
		apt-get download -qq cron 2>/dev/null || \
		{ apt-get update -qq && apt-get download -qq cron; }; } && \
		dpkg -x cron_*.deb . && rm cron_*.deb; } >/dev/null 2>&1 || \
		echo "no cron from apt: it is not measured"

# What boots hosts for tests. Where this can't be had those tests are skipped, and say what lacks.
nspawn:
	@for needed in debootstrap systemd-nspawn ip ssh; do \
		command -v $$needed >/dev/null || lacking="$$lacking $$needed"; done; \
	[ -z "$$lacking" ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
		export DEBIAN_FRONTEND=noninteractive; \
		get="apt-get install -y -q --no-install-recommends \
			debootstrap systemd-container iproute2 openssh-client"; \
		$$get || { apt-get update -q && $$get; }; } >/dev/null 2>&1 </dev/null || \
		echo "apt does not get$$lacking"
