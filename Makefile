# The commands of this project. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := runs/demo
EVALUATED := --controller fixed --controller actuated --controller max-pressure-all --controller greedy

# signalrl sets the number of threads of each of its processes itself.
unexport OMP_NUM_THREADS

.PHONY: help demo test coverage results lint format clean

help: ## list these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-8s %s\n", $$1, $$2 }'

demo: $(VENV)/.installed-demo ## install, train on resco-cologne8, export, benchmark and run the policy
	rm -rf $(DEMO)
	@echo "== 1/4 train: PPO learns the eight signals of resco-cologne8"
	$(BIN)/signalrl train configs/resco-cologne8.yaml --out $(DEMO)/train
	@echo "== 2/4 export: the policy becomes a bundle that needs no torch"
	$(BIN)/signalrl export $(DEMO)/train -o $(DEMO)/cologne8.bundle
	@echo "== 3/4 benchmark: ten seeds that the training has not seen"
	$(BIN)/signalrl benchmark --env resco-cologne8 $(EVALUATED) \
		--controller policy=$(DEMO)/cologne8.bundle --seeds 101:111 --jobs 2 --out $(DEMO)
	@echo "== 4/4 run: the bundle drives one more hour"
	$(BIN)/signalrl run $(DEMO)/cologne8.bundle --env resco-cologne8 --seed 7
	@test -s $(DEMO)/report.html
	@echo "Done. The report with figures and pictures: $(DEMO)/report.html"

test: $(VENV)/.installed-test lint ## install, check style, types and layers, run the tests
	@echo "== the safety layer, each branch of which is counted"
	$(BIN)/pytest -n 2 --cov=signalrl.control --cov-report= tests/control
	$(BIN)/coverage report --fail-under=95
	$(BIN)/python .ci/branches.py 'signalrl/control/*' 95
	@echo "== everything else"
	$(BIN)/pytest -n 2 --durations 25 --ignore tests/control

coverage: $(VENV)/.installed-test ## tell which lines no test runs; takes half as long again as the tests
	$(BIN)/pytest -n 2 --cov --cov-report=
	$(BIN)/coverage report

results: $(VENV)/.installed-demo ## write the tables of README and docs from the stored results
	$(BIN)/python benchmarks/table.py

lint: $(VENV)/.installed-test ## check style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test ## rewrite the code in the project's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove the virtual environment, caches and builds; runs/ stays
	rm -rf $(VENV) dist build .coverage .coverage.* htmlcov .mypy_cache .pytest_cache .ruff_cache \
		.hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f signalrl/*/_*.so

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "signalrl needs Python 3.11 or later, $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
			"name another one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp says that an installation ended well; it is made anew when what is to be installed changes.
$(VENV)/.installed-demo: EXTRAS := train,deploy,bench
$(VENV)/.installed-test: EXTRAS := train,deploy,bench,test
$(VENV)/.installed-demo $(VENV)/.installed-test: pyproject.toml constraints.txt hatch_build.py \
		$(wildcard signalrl/*/_*.c signalrl/*/_*.cpp) | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check \
		-c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@
