# Everything a newcomer needs: `make demo` and `make test`. Both make their own virtual environment.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Of the tests: two more than processors, for much of them waits for disks, browsers and daemons;
# four at most, for each may start a town of daemons.
JOBS   ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )))

.PHONY: demo demo-escrow demo-sale demo-shop test fuzz sim bench lint lock generate clean help

help:            ## list the targets
	@grep -E '^[a-z-]+: .*##|^[a-z-]+: +##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/'

# The stamp is newer than the lock exactly when the environment holds what the lock says.
$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pledgeway needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

demo: $(VENV)/.installed        ## the Florentine houses pay each other, in real processes
	$(BIN)/pledgeway demo

demo-escrow: $(VENV)/.installed ## titles and money change hands at three registrars, or nothing does
	$(BIN)/pledgeway demo escrow

demo-sale: $(VENV)/.installed   ## names are sold by passwords, with an agent who judges, whoever is silent or killed
	$(BIN)/pledgeway demo sale

demo-shop: $(VENV)/.installed   ## a browser with a passkey buys at a shop; pictures in build/pictures
	$(BIN)/pledgeway demo shop --pictures build/pictures

test: $(VENV)/.installed        ## the whole suite, in two processes more than there are processors
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 4 --dist worksteal

sim: $(VENV)/.installed         ## a hundred networks under faults, each held to every promise of the protocol
	$(BIN)/pledgeway sim run --seeds 100

bench: $(VENV)/.installed       ## payments per second over three hops, in real processes
	$(BIN)/pledgeway bench payments --hops 3 --level ATOMIC --depth 512 --depth 1

fuzz: $(VENV)/.installed        ## every parser for a minute: MINUTES=10 for longer
	$(BIN)/python -m tests.fuzz --target all --minutes $(or $(MINUTES),1)

lint: $(VENV)/.installed        ## ruff and mypy, as the suite runs them
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

generate: $(VENV)/.installed    ## proto/v1/*.proto -> *_pb2.py
	$(BIN)/python -m proto.generate

lock: $(VENV)/.installed        ## write requirements.lock anew from pyproject.toml
	$(BIN)/python -m pip install --quiet uv==0.13.8
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --extra dev --python-version 3.11 pyproject.toml -o requirements.lock

clean:           ## remove the environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
