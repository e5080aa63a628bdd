# Everything sets itself up in .venv; a fresh machine needs Python >= 3.11 only. PYTHON=... picks another interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-all bench lint docs pictures clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	$(BIN)/python -c "import importlib.util, torch; assert torch.__version__ < '2.14', torch.__version__; assert importlib.util.find_spec('torchvision') is None, 'torchvision must not be installed'"
	touch $@

demo: $(READY)
	$(BIN)/nassay search digits --minutes 3 --max-params 100000 --out runs/demo

# one thread a process: torch's threads and the two test processes would fight over the cores
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-all: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/screening_speed.py
	$(BIN)/python benchmarks/proxy_speed.py
	$(BIN)/python benchmarks/proxies.py

docs: $(READY)
	$(BIN)/python docs/make_methods.py

pictures: $(READY)
	$(BIN)/python docs/make_pictures.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
