# Freshdesk ticket activities: generate, ingest, query. `make` lists the targets.
#
# Change these here, or for one run: make create_process_tickets NUM_TICKETS=50

# A made-up helpdesk: how many tickets, ...
NUM_TICKETS ?= 1000
# ... the seed that repeats a helpdesk (empty: another one every time), ...
SEED ?=
# ... when its window ends, as 2026-03-01T12:00:00Z (empty: now), ...
END_AT ?=
# ... how many windows of 24 hours it has, one file each, ...
DAYS ?= 1
# ... the language and country of its addresses, ...
LOCALE ?= en_US
# ... the time zone it works in, ...
TIMEZONE ?= UTC
# ... and the form of its export: readme (2017) or today.
FORM ?= readme

# Where files go, whatever the environment says: `make clean` removes some of
# them. All, ...
DATA_DIR = data
# ... the generated export, its database and the CSV files from it.
JSON = $(DATA_DIR)/json/ticket_activities.json
DATABASE = $(DATA_DIR)/database/ticket_activities.db
OUTPUTS = $(DATA_DIR)/outputs

# Your own exports, kept apart from the made-up ones, as the shell reads them
# (empty: every .json and .json.gz in $(DATA_DIR)/exports), ...
EXPORTS ?=
# ... the database that they add to, and its CSV files.
EXPORTS_DATABASE = $(DATA_DIR)/database/exports.db
EXPORTS_OUTPUTS = $(DATA_DIR)/outputs/exports
# The meaning of one of your status labels, as 'Esperando=Waiting on Customer'.
# For more labels use export_json.py --status-alias, once: it is remembered.
STATUS_ALIAS ?=

# Of the durations in the CSV files: seconds, minutes or hours.
UNIT ?= seconds

# How often the long campaigns kill each script in each way, ...
KILLS ?= 100
# ... how many damaged exports they try, ...
MUTANTS ?= 100000
# ... and the seed of what is random in them.
CAMPAIGN_SEED ?= 1

# About how many activities the benchmark measures everything with, ...
BENCHMARK_ACTIVITIES ?= 1000000
# ... and 1 to measure ten times as many too, which takes minutes more.
BENCHMARK_TENFOLD ?=

# 1 to test Spark, too, which needs Java; empty: its tests are skipped.
SPARK ?=
# The tests that `make test` runs.
TESTS ?= tests

# The Python to make the virtual environment with.
PYTHON ?= python3

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin

# The files of a run of $(DAYS) windows are named by day: x-2026-02-27.json
BY_DAY := "$(JSON:.json=)"-*.json
GENERATED := $(if $(filter 1,$(DAYS)),"$(JSON)",$(BY_DAY))

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z_]+:.*## / { printf "%-24s %s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

.PHONY: complete_set_up
complete_set_up: $(VENV)/.ready ## make a virtual environment

.PHONY: create_process_tickets
create_process_tickets: $(VENV)/.ready ## a new made-up helpdesk: generate, ingest, query
	@$(if $(filter-out 1,$(DAYS)),rm -f $(GENERATED))
	@$(MAKE) --no-print-directory create_tickets
	@$(BIN)/python export_json.py --replace --database "$(DATABASE)" $(GENERATED)
	@$(BIN)/python sql_queries.py --database "$(DATABASE)" \
		--output-dir "$(OUTPUTS)" --unit "$(UNIT)"

.PHONY: create_tickets
create_tickets: $(VENV)/.ready ## only generate
	@$(BIN)/python ticket_gen.py --tickets "$(NUM_TICKETS)" --output "$(JSON)" \
		--days "$(DAYS)" --locale "$(LOCALE)" --timezone "$(TIMEZONE)" \
		--form "$(FORM)" $(if $(SEED),--seed "$(SEED)") \
		$(if $(END_AT),--end-at "$(END_AT)")

.PHONY: process_tickets
process_tickets: $(VENV)/.ready ## ingest and query your own EXPORTS
	@set -- $(or $(EXPORTS),"$(DATA_DIR)"/exports/*.json "$(DATA_DIR)"/exports/*.json.gz); \
	$(if $(EXPORTS),,for file; do \
		shift; test ! -e "$$file" || set -- "$$@" "$$file"; \
	done;) \
	test $$# -gt 0 || { echo 'error: $(DATA_DIR)/exports: no *.json or' \
		'*.json.gz there; put exports there, or name them:' \
		'make process_tickets EXPORTS=...' >&2; exit 1; }; \
	$(BIN)/python export_json.py --database "$(EXPORTS_DATABASE)" \
		$(if $(STATUS_ALIAS),--status-alias "$(STATUS_ALIAS)") -- "$$@"
	@$(BIN)/python sql_queries.py --database "$(EXPORTS_DATABASE)" \
		--output-dir "$(EXPORTS_OUTPUTS)" --unit "$(UNIT)"

.PHONY: plots
plots: $(VENV)/.ready-to-plot ## query DATABASE, and draw pictures
	@$(BIN)/python sql_queries.py --database "$(DATABASE)" \
		--output-dir "$(OUTPUTS)" --unit "$(UNIT)" --plot

.PHONY: test
test: $(VENV)/.ready-to-test $(if $(filter-out 0,$(SPARK)),$(VENV)/.ready-for-spark) ## run the tests
	@$(BIN)/python -m pytest -q $(TESTS)

.PHONY: campaign_kills
campaign_kills: $(VENV)/.ready-to-test ## kill the scripts at KILLS moments and more, for long
	@$(BIN)/python tests/campaigns/kill_campaign.py --kills "$(KILLS)" \
		--seed "$(CAMPAIGN_SEED)"

.PHONY: campaign_fuzz
campaign_fuzz: $(VENV)/.ready-to-test ## ingest MUTANTS damaged exports
	@$(BIN)/python tests/campaigns/fuzz_campaign.py --mutants "$(MUTANTS)" \
		--seed "$(CAMPAIGN_SEED)"

.PHONY: campaign_orders
campaign_orders: $(VENV)/.ready-to-test ## ingest made-up exports in many orders
	@HYPOTHESIS_PROFILE=campaign $(BIN)/python -m pytest -q \
		--hypothesis-show-statistics tests/test_metrics.py

.PHONY: benchmark
benchmark: $(VENV)/.ready-to-benchmark ## measure the scripts against DuckDB, pandas and others
	@$(BIN)/python tests/benchmarks/benchmark.py --directory "$(DATA_DIR)" \
		--activities "$(BENCHMARK_ACTIVITIES)" \
		$(if $(filter-out 0,$(BENCHMARK_TENFOLD)),--tenfold)

.PHONY: lint
lint: $(VENV)/.ready-to-test ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: clean
clean: ## remove generated files; never your exports, database and outputs
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis \
		__pycache__ tests/__pycache__ tests/*/__pycache__ build *.egg-info
	rm -f "$(JSON)" $(BY_DAY) "$(DATABASE)" "$(OUTPUTS)"/*.csv \
		"$(OUTPUTS)"/index.html "$(OUTPUTS)"/plots/*.svg \
		"$(OUTPUTS)"/plots/*.png

$(VENV)/.ready: requirements.txt setup.py
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo \
		'error: $(PYTHON): no venv; install it (apt install python3-venv)' \
		'or name another one: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --editable .
	@touch $@

$(VENV)/.ready-to-plot: $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[plot]'
	@touch $@

$(VENV)/.ready-to-test: $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[test]'
	@touch $@

$(VENV)/.ready-for-spark: $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[spark]'
	@touch $@

$(VENV)/.ready-to-benchmark: $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[benchmark]'
	@touch $@
