.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DOCS := .venv-docs
LOCKS := requirements-build.lock requirements.lock requirements-torch.lock

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## .venv with the exact versions of requirements.lock, each file's hash checked

$(READY): $(LOCKS) pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ganlab needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv
	$(PIP) --no-deps --require-hashes -r requirements-build.lock
	$(PIP) --no-deps --require-hashes --no-build-isolation -r requirements.lock
	$(PIP) -r requirements-torch.lock
	$(PIP) --no-deps --no-build-isolation -e .
	touch $(READY)

run: $(READY) ## a GAN learns ECGs: the laptop preset on the simulated cohort, about 3 minutes on 2 cores
	$(BIN)/python -m ganlab.run experiment=laptop dataset.patients=120 $(ARGS)

EXPERIMENTS := $(shell cd conf/experiment && ls thesis/*.yaml paper/*.yaml | sed 's/\.yaml$$//' | paste -sd, -)

paper: $(READY) ## every experiment of the documents, reduced: one sweep and one page
	GANLAB_STAND_INS=1 $(BIN)/python -m ganlab.run --multirun experiment=$(EXPERIMENTS) size=reduced \
	  dataset.on_bad_record=skip $(ARGS)

test: $(READY) ## the default tests, in two processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

slow: $(READY) ## tests that start whole sweeps and several processes, some minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m 'slow and not fault' $(ARGS)

faults: $(READY) ## every fault that the guarantees name, injected often: the table of docs/reliability.md
	GANLAB_FAULT_ROUNDS=$(or $(ROUNDS),20) GANLAB_FUZZ_CASES=$(or $(CASES),2000) $(BIN)/python -m pytest -m "" \
	  tests/faults tests/fuzz $(ARGS)

bench: $(READY) ## every claim of speed measured on this machine: one table, some 20 minutes on two quiet cores
	$(BIN)/python scripts/bench $(ARGS)

lint: $(READY) ## style and types
	$(BIN)/ruff check ganlab tests scripts
	$(BIN)/ruff format --check ganlab tests scripts
	$(BIN)/mypy

docs: $(DOCS)/.ready ## the documentation as a site, site/index.html; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet

$(DOCS)/.ready: requirements-docs.lock
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-docs.lock
	touch $@

sbom: $(READY) ## sbom.cdx.json: a bill of materials (CycloneDX) of what setup installs, with licences and hashes
	$(BIN)/python scripts/sbom.py sbom.cdx.json

format: $(READY) ## mend the style
	$(BIN)/ruff check --fix ganlab tests scripts
	$(BIN)/ruff format ganlab tests scripts

ui: $(READY) ## MLflow's pages on http://127.0.0.1:5000
	@mkdir -p outputs
	@echo "Open http://127.0.0.1:$(or $(PORT),5000)/#/experiments/1/runs?workflowType=machine_learning"
	@echo "If the sidebar of a run shows GenAI, choose Model training at its top; the browser keeps the choice."
	@case "$$MLFLOW_TRACKING_URI" in http*) echo "The runs are on $$MLFLOW_TRACKING_URI";; *) \
	  MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false $(BIN)/mlflow ui \
	  --host 127.0.0.1 --port $(or $(PORT),5000) \
	  --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/outputs/mlflow.db}";; esac

clean: ## remove .venv and caches; outputs stay
	rm -rf .venv $(DOCS) site build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup run paper test slow faults bench lint docs sbom format ui clean
