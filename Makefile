# make demo   set up, fetch published weights, and do the main job on real audio
# make test   set up and pass the tests
# make lint   style and types
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# Other ends of the supported range, from the PATH or from pyenv.
find_python = $(shell $(1) --version >/dev/null 2>&1 && echo $(1) || ls -d "$$(pyenv root 2>/dev/null)"/versions/$(2).*/bin/$(1) 2>/dev/null | tail -n 1)
VENV ?= .venv
BIN := $(VENV)/bin
# Processes that share the tests, a file each at a time; they need 4 GiB each.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.PHONY: demo test test-quick test-slow test-without-oracles test-newest test-lowest lint format notebooks bench clean

demo: $(VENV)/.with-cli
	$(BIN)/audiozoo demo --output-dir demo

test: $(VENV)/.with-oracles
	$(PYTEST) --oracles -m "not slow"

test-quick: $(VENV)/.with-test
	$(PYTEST) -m "not slow and not weights"

test-slow: $(VENV)/.with-oracles
	$(PYTEST) --oracles -m slow

# All but what another version can hardly change: that printed lines of code run.
test-without-oracles:
	$(PYTEST) -m "not slow" --ignore tests/signal/test_docs.py

# The newest Python and the newest JAX it gets, without the oracles.
test-newest:
	$(MAKE) .venv-newest/.with-test VENV=.venv-newest PYTHON=$(call find_python,python3.13,3.13)
	$(MAKE) test-without-oracles VENV=.venv-newest

# Every dependency at the lowest version that pyproject.toml admits, in the rooms that lean on one.
test-lowest:
	$(MAKE) .venv-lowest/.with-test VENV=.venv-lowest PYTHON=$(call find_python,python3.12,3.12) PIP_FLAGS="--constraint .venv-lowest/lowest.txt"
	.venv-lowest/bin/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not weights" \
	    $(addprefix tests/, cli data models pipelines weights test_catalogue.py signal/test_spectral.py signal/test_filters.py)

lint: $(VENV)/.with-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.with-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.with-oracles
	$(BIN)/python -m benchmarks

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "audiozoo needs Python 3.11 or newer, and none was found: set PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -c "import tomllib, re; \
	    project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	    wanted = project['dependencies'] + sum(project['optional-dependencies'].values(), []); \
	    print(*(w.replace('>=', '==') for w in wanted if '>=' in w), sep='\n')" > $(VENV)/lowest.txt
	touch $@

$(VENV)/.with-cli: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) --editable ".[cli]"
	touch $@

$(VENV)/.with-test: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) --editable ".[test]"
	touch $@

$(VENV)/.with-lint: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[test,lint]"
	touch $@

# torchaudio, and torchcrepe which asks for it, want an older torch than the pinned one; their Python does not need it.
$(VENV)/.with-oracles: $(VENV)/.with-lint
	$(BIN)/python -m pip install --quiet "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --editable ".[test,lint,oracles]"
	$(BIN)/python -m pip install --quiet --no-deps "torchaudio==2.11.0" "torchcrepe==0.0.24"
	touch $@

clean:
	rm -rf .venv .venv-newest .venv-lowest demo .pytest_cache .ruff_cache .hypothesis
