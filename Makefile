# Two commands are all you need: `make run` and `make test`. Each sets up what it needs, once.
# PYTHON=python3.12 chooses the interpreter; TORCH_ARGS passes options to pip for torch (an index, say).
.DEFAULT_GOAL := help
.PHONY: help setup run test check bench clean lock
BIN := .venv/bin
export PYTHON TORCH_ARGS

help:  ## what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/.ready  ## the virtual environment, torch and a browser (repeats in no time)

.venv/.ready: requirements.lock pyproject.toml .ci/setup
	@bash .ci/setup

run: setup  ## the demo: see, act, ask, remember; offline, without a key
	@$(BIN)/agentkit demo

test: check  ## everything that must hold, in under 15 minutes
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: setup  ## style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python .ci/links.py
	@$(BIN)/pyright
	@bash .ci/imports

bench: setup  ## the slow proofs: speed and accuracy, resumable (see docs/benchmarks.md)
	@$(BIN)/agentkit bench --help

lock:  ## write requirements.lock anew (needs uv)
	uv pip compile pyproject.toml .ci/torch-needs.in --all-extras --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-emit-package torch --no-header --no-annotate -o requirements.lock

clean:  ## remove the virtual environment and what tests left
	rm -rf .venv .links build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
