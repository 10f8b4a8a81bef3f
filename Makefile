# What there is to do here: `make help`.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# How many chaos scenarios run side by side, each with servers of its own: they wait more than they work.
JOBS ?= 4
# How often the whole suite of scenarios has to pass in a row.
ROUNDS ?= 20

# Bytecode is compiled once, and not by each of the hundreds of processes that scenarios start.
unexport PYTHONDONTWRITEBYTECODE

PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install chaos load stress soak test proof soak-suite lint types docs site pictures bench clean

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="…" is passed to pytest: make chaos ARGS="-k breaker --resilience-backend=process"'
	@echo '  ROUNDS=3 makes the soak of the suite shorter than its 20 rounds'
	@echo '  JOBS=1 runs the chaos scenarios one after the other'
	@echo '  PYTHON=python3.12 and VENV=.venv312 choose another interpreter and environment'

# Debian's python3 without python3-venv makes environments without pip only; pip fills them from outside.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed, and $(PYTHON) is %d.%d: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -m venv $(VENV) >/dev/null || { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(PY) install --quiet pip; }
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet --editable '.[dev]'
	@touch $@

install: $(INSTALLED)  ## make the virtual environment and install everything into it

chaos: $(INSTALLED)  ## run the chaos scenarios
	$(PY) -m pytest tests/chaos -m chaos -n $(JOBS) --dist worksteal $(ARGS)

load: $(INSTALLED)  ## run the load scenarios
	$(PY) -m pytest tests/load -m load $(ARGS)

stress: $(INSTALLED)  ## run the stress scenarios
	$(PY) -m pytest tests/stress -m stress $(ARGS)

soak: $(INSTALLED)  ## run the soak for a minute (ARGS=--resilience-duration=24h)
	$(PY) -m pytest tests/soak -m soak $(ARGS)

test: $(INSTALLED)  ## run every test, scenarios and slow ones included
	$(PY) -m pytest $(ARGS)

# More than two side by side are too much for two processors: a scenario fails there for another reason than its bug.
proof: $(INSTALLED)  ## show that the scenarios catch bugs: each on a clinic with each that it names
	$(PY) -m pytest tests/proof -n 2 --dist worksteal $(ARGS)

soak-suite: $(INSTALLED)  ## run all scenarios on the healthy clinic 20 times, until the first false alarm
	@for round in $$(seq $(ROUNDS)); do \
	  seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' '); \
	  echo "== round $$round of $(ROUNDS): --resilience-seed=$$seed"; \
	  $(PY) -m pytest tests/chaos -n $(JOBS) --dist worksteal -x --resilience-seed=$$seed $(ARGS) \
	    && $(PY) -m pytest tests/load tests/stress -x --resilience-seed=$$seed $(ARGS) \
	    || { echo "FALSE ALARM in round $$round of $(ROUNDS): --resilience-seed=$$seed"; exit 1; }; \
	done; echo "no false alarm in $(ROUNDS) rounds"

lint: $(INSTALLED)  ## check style
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(INSTALLED)  ## check types
	$(VENV)/bin/mypy

docs: $(INSTALLED)  ## run every example of the documentation
	$(PY) -m pytest tests/docs $(ARGS)

site: $(INSTALLED)  ## build the documentation as a site, into site/
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --strict

pictures: $(INSTALLED)  ## make the pictures of the documentation anew; needs chromium
	$(PY) tests/docs/pictures.py

bench: $(INSTALLED)  ## run the benchmarks and print what was measured
	@for each in benchmarks/*.py; do echo "== $$each"; $(PY) "$$each" || exit 1; done

clean:  ## remove the virtual environment and every cache
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist build site
