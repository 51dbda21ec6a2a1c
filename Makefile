# Every command has a name. “make demo” and “make test” set up what they need in .venv from the lock file.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow lint format lock train pictures screenshots reference bench clean

help:  ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "make: $(PYTHON) cannot make a virtual environment; install Python 3.11 or newer with venv."; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

install: $(STAMP)  ## Install into .venv from the lock file

demo: $(STAMP)  ## The whole job, offline, on invented offices
	$(BIN)/sheriffwatch demo

# Python keeps the compiled tests for the next run even where the environment tells it not to: it takes a tenth of a run.
test: export PYTHONDONTWRITEBYTECODE =
test: $(STAMP)  ## The quick tests, under a minute
	$(BIN)/python -m pytest -q -n 2

test-slow: $(STAMP)  ## The slow tests: PostgreSQL, kill -9, retraining
	$(BIN)/python -m pytest -q -m slow -rs

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## Put the code into one form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## Resolve the dependencies anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --extra postgres --extra semantic --group dev --no-header --quiet \
	  pyproject.toml --output-file requirements.lock

train: $(STAMP)  ## Train the bundled classifier from the corpus
	$(BIN)/python -m classifier

pictures: $(STAMP)  ## Draw the pictures of the documentation anew
	$(BIN)/python docs/pictures/demo.py
	$(BIN)/python docs/pictures/alert.py

screenshots: $(STAMP)  ## Photograph the review page anew (needs chromium)
	$(BIN)/python docs/pictures/pages.py

reference: $(STAMP)  ## Write the reference of the commands anew
	$(BIN)/python docs/commands.py

bench: $(STAMP)  ## All benchmarks, as ratios
	$(BIN)/python bench/poll.py
	$(BIN)/python bench/schedule.py
	$(BIN)/python bench/classify.py

clean:  ## Remove what was installed and cached
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
