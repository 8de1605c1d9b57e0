# Everything runs in .venv, which the first command makes. Needs: Linux, Python 3.11 or newer, make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(or $(shell command -v uv),.uv/bin/uv)
INSTALLED := $(VENV)/.installed
LOCK := $(UV) pip compile pyproject.toml --universal --generate-hashes --no-annotate --no-header --quiet

.PHONY: demo up test bench check format lock schemas install clean

demo: $(INSTALLED)  ## Transcribe a sample recording, from nothing to names
	@$(BIN)/scribe demo

up: $(INSTALLED)  ## Run the whole stack until Ctrl-C
	@exec $(BIN)/scribe up

test: $(INSTALLED)  ## Run all tests
	$(BIN)/python -m pytest

bench: $(INSTALLED)  ## Measure: a table, and JSON in benchmarks/results
	$(BIN)/python -m benchmarks.chain
	$(BIN)/python -m benchmarks.launcher --recordings 10 --default-recordings 4
	$(BIN)/python -m benchmarks.identification

check: $(INSTALLED)  ## Formatter, linters, type checker, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pre-commit validate-config
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/compose-lint check --quiet --no-env --skip-suppressed --fail-on low deploy/compose.yaml

format: $(INSTALLED)  ## Format, and fix what the linter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(INSTALLED)  ## Write the JSON Schemas of all documents
	$(BIN)/python -m scribe_assets.artifacts.schemas docs/schemas

lock: | $(UV)  ## Resolve the dependencies anew
	$(LOCK) --extra dev --upgrade --output-file requirements.lock
	$(LOCK) --extra postgres --extra ray --constraint requirements.lock --output-file requirements-runtime.lock

install: $(INSTALLED)

clean:  ## Remove what was installed (recordings and results stay in .scribe)
	rm -rf $(VENV) .uv

# Bytecode is compiled here because the packages are large and some machines forbid writing it later.
$(INSTALLED): requirements.lock pyproject.toml | $(UV)
	test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.11' $(VENV)
	$(UV) pip sync --quiet --python $(VENV) --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	@touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet uv
