# Two commands matter: `make up` and `make test`. Everything else serves them.
.DELETE_ON_ERROR:
.PHONY: help up down test soak lint format unit docker docker-current docker-oldest bench bench-docker fuzz lock docs clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv pip install -q --python $(BIN)/python
PYTEST  = $(BIN)/pytest
ifdef CI
PYTEST  = tests/once_more $@
endif

help:                     ## show these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

up: $(VENV)/.run          ## create .venv, install, start the demo suite
	@$(BIN)/aisuite up --phase 2 --demo

down: $(VENV)/.run        ## stop it
	@$(BIN)/aisuite down

test: lint                ## everything that checks the project
	$(PYTEST) -m "not docker and not soak"

soak: $(VENV)/.dev        ## the long runs that `make test` and `make docker` leave out (they need an engine, too)
	$(BIN)/pytest -m soak

lint: $(VENV)/.dev        ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev      ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

unit: $(VENV)/.dev        ## the quick part of the tests: no processes, no network
	$(BIN)/pytest -m "not process and not docker and not e2e"

# What asks an engine for something that an old one may not have or may answer otherwise.
ON_OLDEST := bed engine_contract engine_laws engine_refusals images_contract compose_alone lifecycle

docker: docker-current docker-oldest ## the tests that need a Docker Engine, on two (as root on Debian: they bring both)

docker-current: $(VENV)/.dev
	$(PYTEST) -m "docker and not soak"

docker-oldest: $(VENV)/.dev
	AISUITE_BED_ENGINE=oldest $(PYTEST) $(ON_OLDEST:%=tests/docker/test_%.py)

bench: $(VENV)/.dev       ## measure (see docs/benchmarks.md)
	$(BIN)/python benchmarks/run.py

bench-docker: $(VENV)/.dev ## measure on both Docker Engines, docker compose beside
	for engine in current oldest; do export AISUITE_BED_ENGINE=$$engine; \
	  tests/bed/bed up && tests/bed/bed run $(BIN)/python benchmarks/up_docker.py || exit 1; done

FUZZ_SECONDS ?= 60
fuzz: $(VENV)/.dev        ## hostile model files, for FUZZ_SECONDS (atheris, in an environment of its own)
	mkdir -p build/fuzz/gguf
	PYTHONPATH=src $(BIN)/uv run -q --no-project --python $(BIN)/python --with atheris python tests/fuzz/fuzz_gguf.py \
	  -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=256 build/fuzz/gguf

docs: $(VENV)/.dev        ## write the generated parts of docs/ again
	$(BIN)/python docs/generate.py

# Locks hold exact versions and hashes; `uv` checks both when it installs.
lock: $(VENV)/.uv
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" \
	  pyproject.toml --extra local --extra services --extra rag -o locks/run.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" \
	  pyproject.toml --extra local --extra services --extra rag --extra fastembed --extra dev -c locks/run.txt -o locks/dev.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" \
	  --override templates/gateway/overrides.txt templates/gateway/requirements.in -o templates/gateway/requirements.txt
	for part in services vectordb; do \
	  $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" \
	    -c locks/run.txt templates/images/$$part.in -o templates/images/$$part.txt; \
	done
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" \
	  -c locks/dev.txt templates/images/fastembed.in -o templates/images/fastembed.txt
	echo 'hatchling' | $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" \
	  - -o locks/build.txt

$(VENV)/.uv: locks/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "aisuite needs Python 3.11 or newer: make up PYTHON=python3.12")'
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/uv.txt
	@touch $@

$(VENV)/.run: $(VENV)/.uv locks/run.txt locks/build.txt pyproject.toml
	@echo "installing aisuite and what it runs"
	@$(UV) --require-hashes -r locks/run.txt
	@$(UV) --no-deps --build-constraints locks/build.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run locks/dev.txt
	@echo "installing what the tests need"
	@$(UV) --require-hashes -r locks/dev.txt
	@touch $@

clean:                    ## remove what was installed here (not your data)
	rm -rf $(VENV) dist build
