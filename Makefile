# Everything runs in .venv, made from pyproject.toml under the tested versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable
INSTALLED := .venv/.installed
TESTS_INSTALLED := .venv/.tests-installed
DOCS_INSTALLED := .venv/.docs-installed

.PHONY: demo test junk endurance coverage lint format docs clean

demo: $(INSTALLED)  ## train a generator on embedded data, then print a table of its subnets
	$(BIN)/hypernas train hydra.run.dir=runs/demo-$$(date +%Y%m%d-%H%M%S) training.steps=1600 threads=1
	$(BIN)/hypernas evaluate run=$$(ls -dt runs/demo-* | head -n 1) subnets=10 threads=1

test: $(TESTS_INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

coverage: $(TESTS_INSTALLED)  ## lines and branches of the library that tests run through, file by file
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term

junk: $(TESTS_INSTALLED)  ## every public function with junk in one argument: minutes; a share of it is among the tests
	OMP_NUM_THREADS=1 $(BIN)/python tests/endurance/junk.py

TRIALS ?= 1000
PART ?= 1
endurance: $(TESTS_INSTALLED)  ## hours, and with TRIALS=10 PART=500 EXAMPLES=10 minutes: kills, flips, writers, faults, junk
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/test_properties.py --hypothesis-profile long
	OMP_NUM_THREADS=1 $(BIN)/python tests/endurance/run.py --trials $(TRIALS) --only flips,writers,kills,ranks,launched,faults,outputs,commands
	OMP_NUM_THREADS=1 $(BIN)/python tests/endurance/run.py --trials $(TRIALS) --only threads
	OMP_NUM_THREADS=1 $(BIN)/python tests/endurance/run.py --trials $(shell expr $(TRIALS) \* 20) --only memory
	OMP_NUM_THREADS=1 $(BIN)/python tests/endurance/junk.py --part $(PART)

lint: $(TESTS_INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(TESTS_INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DOCS_INSTALLED)  ## the pages and the API reference, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

clean:
	rm -rf .venv site

$(INSTALLED): pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(INSTALL) .
	touch $@

$(TESTS_INSTALLED): $(INSTALLED)
	$(INSTALL) '.[test]'
	touch $@

$(DOCS_INSTALLED): $(INSTALLED)
	$(INSTALL) '.[docs]'
	touch $@
