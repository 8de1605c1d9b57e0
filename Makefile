# Everything runs in .venv, which the first command makes. Needs: Linux, Python 3.11 to 3.13, make.
#
#   make demo TORCH=cpu    without CUDA: 3 GB instead of 9 (it stays so until TORCH=cuda)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(or $(shell command -v uv),.uv/bin/uv)
THERE := $(or $(shell cat $(VENV)/.torch 2>/dev/null),cuda)
TORCH ?= $(THERE)
# What it takes to run, and with the tools for tests, checks and benchmarks: two stamps in one place.
INSTALLED := $(VENV)/.installed
DEVELOPER := $(VENV)/.installed-developer
INSTALL = UV='$(UV)' TORCH='$(TORCH)' TORCH_INDEX='$(TORCH_INDEX)' TORCH_CPU='$(TORCH_CPU)' deploy/install
LOCK := $(UV) pip compile pyproject.toml --universal --generate-hashes --no-annotate --no-header --quiet

.PHONY: demo up test bench check format lock schemas install clean other-torch

demo: $(INSTALLED)  ## Transcribe a sample recording, from nothing to names
	@$(BIN)/scribe demo

up: $(INSTALLED)  ## Run the whole stack until Ctrl-C
	@exec $(BIN)/scribe up

test: $(DEVELOPER)  ## Run all tests
	$(BIN)/python -m pytest

bench: $(DEVELOPER)  ## Measure: a table, and JSON in benchmarks/results
	$(BIN)/python -m benchmarks.chain
	$(BIN)/python -m benchmarks.launcher --recordings 10 --default-recordings 4
	$(BIN)/python -m benchmarks.identification

check: $(DEVELOPER)  ## Formatter, linters, type checker, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pre-commit validate-config
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/compose-lint check --quiet --no-env --skip-suppressed --fail-on low deploy/compose.yaml

format: $(DEVELOPER)  ## Format, and fix what the linter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(DEVELOPER)  ## Write the JSON Schemas of all documents
	$(BIN)/python -m scribe_assets.artifacts.schemas docs/schemas

lock: | $(UV)  ## Resolve the dependencies anew
	$(LOCK) --extra dev --upgrade --output-file requirements.lock
	$(LOCK) --extra postgres --extra ray --constraint requirements.lock --output-file requirements-runtime.lock
	@for python in 3.11 3.12 3.13; do echo "wheels for Python $$python"; \
	  $(UV) pip compile --quiet --no-deps --only-binary :all: --python-version $$python requirements-runtime.lock \
	    >/dev/null || exit 1; done

install: $(INSTALLED)

clean:  ## Remove what was installed (recordings and results stay in .scribe)
	rm -rf $(VENV) .uv

$(INSTALLED): requirements-runtime.lock pyproject.toml $(if $(filter $(THERE),$(TORCH)),,other-torch) | $(UV)
	@$(INSTALL)

$(DEVELOPER): requirements.lock pyproject.toml $(if $(filter $(THERE),$(TORCH)),,other-torch) | $(UV)
	@$(INSTALL) --developer

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet uv
