# `make demo` and `make test` are all that a fresh machine needs: Python 3.11+, make, and a C++
# compiler (without one, everything runs on NumPy).

PYTHON ?= python3

venv := .venv
bin := $(venv)/bin
sanitize := .venv-sanitize
races := .venv-races
# What the installed package is built from; Python sources are used in place.
built_from := pyproject.toml CMakeLists.txt src/pullback/_version.py $(wildcard native/*.* native/kernels/*)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo venv test check test-long test-numpy test-peers freeze test-sanitize test-races \
  bench clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 16

demo: $(venv)/installed ## Install, then train a network on the shipped penguins
	$(bin)/pullback train penguins --until 'accuracy >= 0.97'

venv: $(venv)/installed ## Make .venv: the package, editable, and the developer's tools

test: check ## Every check and every quick test, on every core
	$(bin)/pytest --numprocesses auto --maxprocesses 8 --dist worksteal

check: $(venv)/installed ## Lint, formatting and types, without the tests
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/clang-format --dry-run --Werror native/*.cpp native/*.hpp native/kernels/*
	$(bin)/mypy

test-long: $(venv)/installed ## The tests that take minutes, and random hypothesis examples
	$(bin)/pytest -m "long and not peers" --timeout=3600 --hypothesis-profile=long

test-numpy: $(venv)/installed ## Every quick test once more, on NumPy instead of the native module
	PULLBACK_EXECUTOR=numpy $(bin)/pytest --numprocesses auto --maxprocesses 8 --dist worksteal

test-peers: $(venv)/peers ## Comparisons with PyTorch, JAX and scikit-learn (large downloads)
	$(bin)/pytest -m peers --timeout=3600

freeze: $(venv)/peers ## Compute again what PyTorch and Optax gave, which `make test` compares with
	$(bin)/python -m tests.peers.freeze

# Leaks are not looked for: the interpreter itself leaves memory behind at exit. What a sanitizer says
# before it ends the process must not be held back by pytest.
test-sanitize: $(sanitize)/installed ## The native tests under the address and UB sanitizers
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
	  $(sanitize)/bin/pytest --capture=sys -m "native and not long"

test-races: $(races)/installed ## The tests of threads under the thread sanitizer
	LD_PRELOAD="$$($(CXX) -print-file-name=libtsan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	TSAN_OPTIONS=halt_on_error=1:suppressions=native/races.txt OPENBLAS_NUM_THREADS=1 $(races)/bin/pytest --capture=sys --timeout=1200 \
	  tests/native/test_pool.py tests/native/test_gemm.py tests/native/test_strands.py \
	  tests/train/test_same_bits.py \
	  tests/train/test_natives_at_once.py tests/train/test_probes.py -k "not child and not frames"

bench: $(venv)/bench ## Time training steps beside installed peers (BENCH='--quick' for options)
	$(bin)/python -m benchmarks $(BENCH)

clean: ## Remove everything that was made here
	rm -rf $(venv) $(sanitize) $(races) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -exec rm -rf {} +

define make_venv
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	  "Pullback needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + \
	  ".\nName another one: make PYTHON=python3.12 ...")'
	@test -x $(@D)/bin/pip || $(PYTHON) -m venv $(@D) || { rm -rf $(@D); \
	  echo "No virtual environment could be made (on Debian: apt install python3-venv)."; exit 1; }
endef

$(venv)/installed: $(built_from)
	$(make_venv)
	$(bin)/pip install --quiet --editable '.[dev]'
	@touch $@

$(venv)/bench: $(venv)/installed
	$(bin)/pip install --quiet --editable '.[dev,bench]'
	@touch $@

$(venv)/peers: $(venv)/installed
	$(bin)/pip install --quiet --editable '.[dev,bench,peers]'
	@touch $@

$(sanitize)/installed: $(built_from)
	$(make_venv)
	PULLBACK_REQUIRE_NATIVE=1 $(@D)/bin/pip install --quiet --editable '.[dev]' \
	  --config-settings=cmake.define.PULLBACK_SANITIZE=ON \
	  --config-settings=build-dir=build/sanitize
	@touch $@

$(races)/installed: $(built_from)
	$(make_venv)
	PULLBACK_REQUIRE_NATIVE=1 $(@D)/bin/pip install --quiet --editable '.[dev]' \
	  --config-settings=cmake.define.PULLBACK_SANITIZE=thread \
	  --config-settings=build-dir=build/races
	@touch $@
