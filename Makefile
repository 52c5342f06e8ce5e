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
# them. Names may hold blanks and quotes; write $$ for a dollar sign. All, ...
DATA_DIR = data
# ... the generated export (.json), its database and the reports from it.
JSON = $(DATA_DIR)/json/ticket_activities.json
DATABASE = $(DATA_DIR)/database/ticket_activities.db
OUTPUTS = $(DATA_DIR)/outputs

# Your own exports, kept apart from the made-up ones: a file, a folder, or
# several and patterns as the shell reads them (empty: the folder
# $(DATA_DIR)/exports), ...
EXPORTS ?=
# ... the database that they add to, and its reports.
EXPORTS_DATABASE = $(DATA_DIR)/database/exports.db
EXPORTS_OUTPUTS = $(DATA_DIR)/outputs/exports
# The meaning of one of your status labels, as 'Esperando=Waiting on Customer'.
# For more labels use export_json.py --status-alias, once: it is remembered.
STATUS_ALIAS ?=

# The reports: csv, xlsx (one Excel workbook) or parquet.
FORMAT ?= csv
# Of the durations in them: seconds, minutes or hours.
UNIT ?= seconds
# Of the hours and weeks in them, as Europe/Berlin.
REPORT_TIMEZONE ?= UTC
# A folder with business_hours.json, sla_policies.json or agents.json of your
# account, for its own exports (empty: no working hours, targets and names). A
# made-up helpdesk has its own, in $(DATA_DIR)/settings.
SETTINGS ?=
# 1 to draw pictures and a page from them, too.
PLOT ?=

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

# One word of the shell, whatever is in it.
quoted = '$(subst ','\'',$(1))'
# The folder and the name of a file. make's own $(dir) splits names at blanks.
folder = $(call quoted,$(shell dirname -- $(call quoted,$(1))))
name = $(call quoted,$(shell basename -- $(call quoted,$(1)) $(2)))

python = $(call quoted,$(PYTHON))
json = $(call quoted,$(JSON))
database = $(call quoted,$(DATABASE))
outputs = $(call quoted,$(OUTPUTS))
own_database = $(call quoted,$(EXPORTS_DATABASE))
own_outputs = $(call quoted,$(EXPORTS_OUTPUTS))
# A name that is there counts as a whole. The shell reads anything else.
own_exports = $(if $(EXPORTS),$(if $(shell test -e $(call quoted,$(EXPORTS)) \
	&& echo there),$(call quoted,$(EXPORTS)),$(EXPORTS)),$(call quoted,$(DATA_DIR)/exports))

# With several DAYS the files are named by day: x-2026-02-27.json
date := [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]
by_day = $(call name,$(JSON),.json)-$(date).json
several := $(filter-out 1,$(DAYS))
generated = $(if $(several),$(call folder,$(JSON))/$(by_day),$(json))

made_settings = $(call quoted,$(DATA_DIR)/settings)
generate = $(BIN)/python ticket_gen.py --output=$(json) \
	--settings=$(made_settings) \
	--tickets=$(call quoted,$(NUM_TICKETS)) --days=$(call quoted,$(DAYS)) \
	--locale=$(call quoted,$(LOCALE)) --form=$(call quoted,$(FORM)) \
	--timezone=$(call quoted,$(TIMEZONE)) \
	$(if $(SEED),--seed=$(call quoted,$(SEED))) \
	$(if $(END_AT),--end-at=$(call quoted,$(END_AT)))
ingest = $(BIN)/python export_json.py
plot = $(filter-out 0,$(PLOT))
query = $(BIN)/python sql_queries.py --format=$(call quoted,$(FORMAT)) \
	--unit=$(call quoted,$(UNIT)) --timezone=$(call quoted,$(REPORT_TIMEZONE)) \
	$(if $(plot),--plot)
# Not empty if DATABASE is of a made-up helpdesk whose settings are there.
is_made_up = $(shell test -d $(made_settings) && \
	test ! $(database) -ef $(own_database) && echo yes)
settings = $(if $(SETTINGS),--settings=$(call quoted,$(SETTINGS)))

# The extra packages that the reports need.
extras = $(if $(plot),plot) $(patsubst xlsx,excel,$(filter xlsx parquet,$(FORMAT)))
to_query = $(VENV)/.ready $(extras:%=$(VENV)/.ready-%)

# Wrong values are refused before a file changes. A script that is to print its
# help checks its options first; make checks what it reads itself.
check_json = $(if $(filter %.json,$(lastword $(JSON))),,$(error \
	JSON=$(JSON): name a file that ends in .json))
check_days = $(if $(filter 1% 2% 3% 4% 5% 6% 7% 8% 9%,$(DAYS)),,$(error \
	DAYS=$(DAYS): give a number from 1 on, without a leading 0))

check_settings = $(if $(SETTINGS),$(if $(shell test -d \
	$(call quoted,$(SETTINGS)) && echo there),,$(error \
	SETTINGS=$(SETTINGS): no such folder)))

# Not empty if the Python of .venv no longer runs, or has lost its packages.
broken := $(shell test ! -e $(VENV)/.ready || \
	$(BIN)/python -I -c 'import pip' >/dev/null 2>&1 || echo broken)
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--editable $(1) || { echo 'error: pip cannot install into $(VENV), see' \
	'above; it needs a network, or a mirror (PIP_INDEX_URL=https://...).' \
	'Then run make again' >&2; exit 1; }

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z_]+:.*## / { printf "%-24s %s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

.PHONY: complete_set_up
complete_set_up: $(VENV)/.ready ## make a virtual environment

.PHONY: create_process_tickets
create_process_tickets: $(to_query) ## a new made-up helpdesk: generate, ingest, query
	@$(check_json)$(check_days)
	@test ! $(database) -ef $(own_database) || { \
		echo 'error: DATABASE is your EXPORTS_DATABASE, which a made-up' \
		'helpdesk would replace; name another one' >&2; exit 1; }
	@$(query) --help >/dev/null
	@$(if $(several),$(generate) --help >/dev/null && rm -f -- $(generated))
	@$(generate)
	@$(ingest) --replace --database=$(database) -- $(generated)
	@$(query) --database=$(database) --output-dir=$(outputs) \
		--settings=$(made_settings)

.PHONY: create_tickets
create_tickets: $(VENV)/.ready ## only generate
	@$(check_json)$(check_days)
	@$(generate)

# Reports are written even if some of the exports are refused.
.PHONY: process_tickets
process_tickets: $(to_query) ## ingest and query your own EXPORTS
	@$(check_settings)
	@$(query) --help >/dev/null
	@$(ingest) --database=$(own_database) \
		$(if $(STATUS_ALIAS),--status-alias=$(call quoted,$(STATUS_ALIAS))) \
		-- $(own_exports); status=$$?; \
	if test $$status -le 1 && test -e $(own_database); then \
		$(query) --database=$(own_database) --output-dir=$(own_outputs) \
			$(settings) || status=$$?; \
	fi; exit $$status

.PHONY: plots
plots: $(to_query) $(VENV)/.ready-plot ## query DATABASE, and draw pictures
	@$(query) --database=$(database) --output-dir=$(outputs) --plot \
		$(or $(settings),$(if $(is_made_up),--settings=$(made_settings)))

# In a process for each core; the tests of a file share what they made.
.PHONY: test
test: $(VENV)/.ready-test $(if $(filter-out 0,$(SPARK)),$(VENV)/.ready-spark) ## run the tests
	@$(BIN)/python -m pytest -q -n auto --dist loadfile $(TESTS)

.PHONY: campaign_kills
campaign_kills: $(VENV)/.ready-test ## kill the scripts at KILLS moments and more, for long
	@$(BIN)/python tests/campaigns/kill_campaign.py \
		--kills=$(call quoted,$(KILLS)) --seed=$(call quoted,$(CAMPAIGN_SEED))

.PHONY: campaign_fuzz
campaign_fuzz: $(VENV)/.ready-test ## ingest MUTANTS damaged exports
	@$(BIN)/python tests/campaigns/fuzz_campaign.py \
		--mutants=$(call quoted,$(MUTANTS)) --seed=$(call quoted,$(CAMPAIGN_SEED))

.PHONY: campaign_orders
campaign_orders: $(VENV)/.ready-test ## ingest made-up exports in many orders
	@HYPOTHESIS_PROFILE=campaign $(BIN)/python -m pytest -q -n auto \
		--hypothesis-show-statistics tests/test_metrics.py tests/test_settings.py

.PHONY: benchmark
benchmark: $(VENV)/.ready-benchmark ## measure the scripts against DuckDB, pandas and others
	@$(BIN)/python tests/benchmarks/benchmark.py \
		--directory=$(call quoted,$(DATA_DIR)) \
		--activities=$(call quoted,$(BENCHMARK_ACTIVITIES)) \
		$(if $(filter-out 0,$(BENCHMARK_TENFOLD)),--tenfold)

.PHONY: lint
lint: $(VENV)/.ready-test ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# A file in a folder, and what a killed run leaves of it.
with_parts = $(1)/$(2) $(1)/.$(2).part $(1)/.$(2).part-journal
reports := $(notdir $(basename $(wildcard sql/*.sql sql/business_hours/*.sql sql/sla/*.sql)))
pictures := time_in_status response_and_resolution first_response_by_group \
	arrivals_and_backlog transition_matrix targets_met

# Folders stay. Of OUTPUTS go only the files that the reports and plots make.
.PHONY: clean
clean: ## remove generated files; never your exports, their database and outputs
	@rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis build \
		__pycache__ */__pycache__ */*/__pycache__ \
		freshdesk_ticket_activities.egg-info
	@rm -f -- $(call with_parts,$(call folder,$(JSON)),$(call name,$(JSON))) \
		$(call with_parts,$(call folder,$(JSON)),$(by_day))
	@rm -f -- $(foreach file,business_hours sla_policies agents,$(call \
		with_parts,$(made_settings),$(file).json))
	@test $(database) -ef $(own_database) || \
		rm -f -- $(call quoted,$(DATABASE)-journal) \
		$(call with_parts,$(call folder,$(DATABASE)),$(call name,$(DATABASE)))
	@test $(outputs) -ef $(own_outputs) || \
	for file in $(reports:%=%.csv) $(reports:%=%.parquet) columns.csv \
		tickets.xlsx index.html $(pictures:%=%.svg) $(pictures:%=%.png); do \
		folder=$(outputs); \
		case $$file in \
			*.svg|*.png) folder=$$folder/plots;; \
		esac; \
		rm -f -- $(call with_parts,"$$folder","$$file"); \
	done

# One pip at a time.
.NOTPARALLEL:

$(VENV)/.ready: requirements.txt setup.py $(broken)
	@$(python) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		2>/dev/null || { echo 'error: '$(python) \
		"($$($(python) --version 2>&1)):" 'not Python 3.10' \
		'or later; name one: make PYTHON=python3.12' >&2; exit 1; }
	@$(python) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'error: '$(python)': no venv; install it (apt' \
		'install python3-venv) or name another one:' \
		'make PYTHON=python3.12' >&2; exit 1; }
	@echo 'making $(VENV): the packages in requirements.txt, half a minute'
	@$(python) -m venv --clear $(VENV)
	@$(call install,.)
	@touch $@

$(VENV)/.ready-%: $(VENV)/.ready
	@echo 'adding to $(VENV): the packages for $*, a minute or more'
	@$(call install,'.[$*]')
	@touch $@

broken:
