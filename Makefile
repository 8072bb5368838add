# Targets: demo (first thing to try), test, verify, fuzz (FUZZ_SECONDS=3600), lint, clean,
# mutants (MUTANT_SECONDS=600 MUTANT_SEED=1). Set-up happens by itself on first use.

VENV := .venv
BIN := $(VENV)/bin
ROOMS := hdl compiler cost_model flow sim host
FUZZ_SECONDS ?= 3600
MUTANT_SECONDS ?= 600
MUTANT_SEED ?= 1
MUTANT_FLOOR := 0.7

.PHONY: demo test verify fuzz mutants lint setup clean

demo: setup
	$(BIN)/deep3 train digits --hidden 64,32 --worker cpu:1 --worker virtual:1 --epochs 40 --deterministic --reference

test: lint
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

verify: setup
	$(BIN)/python -m pytest -m verify --durations=0

fuzz: setup
	PYTHONPATH=tests $(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)

mutants: setup
	PYTHONPATH=tests nice $(BIN)/python -m mutants --seconds $(MUTANT_SECONDS) --seed $(MUTANT_SEED) --floor $(MUTANT_FLOOR)
	PYTHONPATH=tests nice $(BIN)/python -m mutants.run_gateware --seconds $(MUTANT_SECONDS) --seed $(MUTANT_SEED)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy --package deep3

setup: $(VENV)/installed.stamp

# Two stamps, so that an edit of pyproject.toml does not install torch again.
$(VENV)/installed.stamp: $(VENV)/locked.stamp pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/locked.stamp: requirements.lock .ci/setup
	@.ci/setup $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find deep3 $(ROOMS) tests -name __pycache__ -type d -prune -exec rm -rf {} +
