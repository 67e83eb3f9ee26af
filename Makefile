# `make` alone says what there is. Every target makes what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCHMARK_READY := $(VENV)/.benchmark-ready
BROWSER_READY := $(VENV)/.browser-ready
DOCS_READY := $(VENV)/.docs-ready

HOST ?= 127.0.0.1
PORT ?= 8000
DOCS_PORT ?= 8001
WORKERS ?= 1
WINDOW ?= 24h
FORMAT ?= text
KEEP ?= 2
DAYS ?= 30
TARGET ?= 0.9

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-browser lint rebuild-index check-data init-dataset evaluate quality bench bench-quick serve consume-events recommend-users hit-rate-report prediction-report plan-cache audit replay generations stop-redis docs docs-build lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}'

setup: $(READY)  ## make .venv with the pinned packages

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(BENCHMARK_READY): requirements-benchmark.lock $(READY)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-benchmark.lock
	touch $@

$(BROWSER_READY): requirements-browser.lock $(READY)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-browser.lock
	@command -v chromium || command -v chromium-browser || command -v google-chrome || $(BIN)/playwright install chromium
	touch $@

$(DOCS_READY): requirements-docs.lock $(READY)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-docs.lock
	touch $@

demo: $(READY)  ## a made-up shop from data to served answers, in about a minute
	$(BIN)/python -m jobs.demo

test: $(READY) lint  ## lint, types and all tests but the slow ones
	$(BIN)/python -m pytest -n 3 --dist loadfile

test-slow: $(READY)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-browser: $(BROWSER_READY)  ## the page in a Chromium: the machine's, else Playwright's own
	$(BIN)/python -m pytest -m slow tests/e2e/test_browser.py

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

rebuild-index: $(READY)  ## learn from DATASET=path/to/dataset.toml and publish (DATA_DIR= KEEP=2 FORCE=1 NEW_DATASET=1 DRY_RUN=1)
	$(BIN)/python -m jobs.rebuild_index --dataset '$(or $(DATASET),$(error give DATASET=path/to/dataset.toml, see examples/))' \
	  $(if $(DATA_DIR),--data-dir '$(DATA_DIR)') --keep $(KEEP) $(if $(FORCE),--force) $(if $(NEW_DATASET),--new-dataset) \
	  $(if $(DRY_RUN),--dry-run)

check-data: $(READY)  ## what is understood of DATASET=, before anything is learned (DATA_DIR= FORMAT=text|json|html OUT= SHOW_USERS=1)
	@$(BIN)/hybrid-recs check --dataset '$(or $(DATASET),$(error give DATASET=path/to/dataset.toml))' \
	  $(if $(DATA_DIR),--data-dir '$(DATA_DIR)') --format $(FORMAT) $(if $(OUT),--out '$(OUT)') $(if $(SHOW_USERS),--show-users)

init-dataset: $(READY)  ## look at a file and write a draft of its dataset.toml (FILE=path OUT=dataset.toml)
	@$(BIN)/hybrid-recs init-dataset '$(or $(FILE),$(error give FILE=path/of/the/interactions))' $(if $(OUT),--out '$(OUT)')

evaluate: $(BENCHMARK_READY)  ## measure on held-out data, compared with baselines (DATASET= FORMAT=table|json|md)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m jobs.evaluate \
	  --dataset '$(or $(DATASET),$(error give DATASET=path/to/dataset.toml))' \
	  $(if $(DATA_DIR),--data-dir '$(DATA_DIR)') --format $(or $(filter-out text,$(FORMAT)),table)

quality: $(BENCHMARK_READY)  ## evaluate every dataset of examples/ below DATA_DIR= into docs/benchmarks/quality.md
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality --data-dir '$(or $(DATA_DIR),$(error give DATA_DIR=))'

bench: $(BENCHMARK_READY)  ## every speed claim, measured against its comparators (docs/benchmarks/); 45 minutes
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.scale

bench-quick: $(BENCHMARK_READY)  ## the same on small catalogues, within two minutes; writes nothing
	$(BIN)/python -m benchmarks.bench --quick

recommend-users: $(READY)  ## precompute every user's list (DATASET= DATA_DIR= ACTIVE_DAYS= K=100)
	$(BIN)/python -m jobs.recommend_users --dataset '$(or $(DATASET),$(error give DATASET=path/to/dataset.toml))' \
	  $(if $(DATA_DIR),--data-dir '$(DATA_DIR)') $(if $(ACTIVE_DAYS),--active-days $(ACTIVE_DAYS)) $(if $(K),--k $(K))

serve: $(READY)  ## answer requests (HOST=127.0.0.1 PORT=8000 WORKERS=1)
	$(BIN)/hybrid-recs serve --host $(HOST) --port $(PORT) --workers $(WORKERS)

consume-events: $(READY)  ## apply events as they come in, next to serve; any number of them (docs/how-to/send-events.md)
	@$(BIN)/python -m jobs.consume_events

hit-rate-report: $(READY)  ## which tier answered and what to change (WINDOW=24h FORMAT=text|json|md|html OUT=)
	@$(BIN)/python -m jobs.hit_rate_report --window $(WINDOW) --format $(FORMAT) $(if $(OUT),--out '$(OUT)')

plan-cache: $(READY)  ## how large the hot set should be (WINDOW=24h or LOG= or DATASET= DATA_DIR=; TARGET=0.9 FORMAT=text|json|md)
	@$(BIN)/python -m jobs.plan_cache --window $(WINDOW) --target $(TARGET) --format $(FORMAT) \
	  $(if $(LOG),--log '$(LOG)') $(if $(DATASET),--dataset '$(DATASET)') $(if $(DATA_DIR),--data-dir '$(DATA_DIR)')

audit: $(READY)  ## compare the lists in Redis with live answers; exit status 1 if they differ (FORMAT=text|json)
	@$(BIN)/python -m jobs.audit --format $(FORMAT)

prediction-report: $(READY)  ## clicks on logged impressions (WINDOW=24h FORMAT=text|json|md)
	@$(BIN)/python -m jobs.prediction_report --window $(WINDOW) --format $(FORMAT)

replay: $(READY)  ## send the last DAYS=30 of DATASET= as requests to HOST and PORT
	$(BIN)/python -m jobs.replay --dataset '$(or $(DATASET),$(error give DATASET=path/to/dataset.toml))' \
	  $(if $(DATA_DIR),--data-dir '$(DATA_DIR)') --days $(DAYS) --url http://$(HOST):$(PORT)

generations: $(READY)  ## list what is published (see also: hybrid-recs generations --help)
	@$(BIN)/hybrid-recs generations list

stop-redis: $(READY)  ## end the embedded redis-server
	@$(BIN)/hybrid-recs stop-redis

docs: $(DOCS_READY)  ## the documentation as a site on this machine (DOCS_PORT=8001)
	$(BIN)/mkdocs serve --strict --config-file docs/site/mkdocs.yml --dev-addr 127.0.0.1:$(DOCS_PORT)

docs-build: $(DOCS_READY)  ## build the site into dist/site; a wrong link is an error
	$(BIN)/mkdocs build --strict --config-file docs/site/mkdocs.yml

lock:  ## resolve the locks again (needs uv)
	uv pip compile pyproject.toml --extra dev --extra embedded --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url --upgrade --quiet -o requirements.lock
	uv pip compile pyproject.toml --extra benchmark -c requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet -o requirements-benchmark.lock
	uv pip compile pyproject.toml --extra browser -c requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet -o requirements-browser.lock
	uv pip compile pyproject.toml --extra docs -c requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet -o requirements-docs.lock

clean:  ## remove the virtual environment and caches; generations and Redis data stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
