# What a newcomer types: `make demo`, `make test`, `make lint`, `make bench`.
# For GNU make 3.81 and up, and the shells and tools of macOS and Linux alike.

# The first Python that is new enough, unless PYTHON names one.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
COMPILER = $(if $(filter default,$(origin CXX)),c++,$(CXX))
DEMO_PORT ?= 7777

VENV := .venv
BIN := $(VENV)/bin
# Stamps: what is newer than its stamp is made again.
MADE := $(VENV)/.made
PACKAGE := $(VENV)/.package
TOOLS := $(VENV)/.tools

NATIVE := $(shell find csrc metal -type f 2>/dev/null)
CPP_SOURCES := $(shell find csrc -name '*.cpp' -o -name '*.hpp' -o -name '*.c')
DOCTEST = $(wildcard $(addsuffix /doctest/doctest.h,/usr/include /usr/local/include /opt/homebrew/include))
PIP = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help setup demo test test-native test-metal test-cuda test-cuda-text test-tsan fuzz coverage-native test-claude test-page test-docs conformance chaos ends forced-answers traces traces-whole sampling sampling-all mutants slowdowns lint bench attacks clean distclean

help:
	@echo "make demo      install into .venv, start a server, stream one answer"
	@echo "make setup     install into .venv, with what tests and checks need"
	@echo "make test      all tests, C++ and Python, but for these, which take minutes:"
	@echo "make conformance      the conformance suite, on SmolLM2 as well"
	@echo "make chaos            ten minutes of killed engines (CHAOS_S=, CHAOS_SEED=)"
	@echo "make attacks          floods, slow clients, bombs and guesses at full size"
	@echo "make test-claude      the whole of Claude Code,"
	@echo "make test-page        the server's page in a browser; needs Chromium or Chrome"
	@echo "make ends             every way to end and to reload a server under load"
	@echo "make test-docs        the commands of README and docs/,"
	@echo "make forced-answers   300 answers under random schemas, and"
	@echo "make traces           agents' sessions replayed, and answers from every kind of cache"
	@echo "make traces-whole     one of them at full length in a quarter of the memory: long"
	@echo "make sampling         5,200 rows of logits against the reference, millions of draws;"
	@echo "make sampling-all     the same rows by MLX operations and by the emulated kernels, too"
	@echo "make fuzz             ten minutes of malformed GGUF files (FUZZ_S=)"
	@echo "make coverage-native  lines of the C++ cores that their tests run"
	@echo "make test-metal       the sampling kernels on a Mac's GPU; test-cuda: on NVIDIA's"
	@echo "make test-cuda-text   their CUDA form compiled, which needs no GPU"
	@echo "make test-tsan the C++ tests under ThreadSanitizer"
	@echo "make mutants   break the server in many ways; see that the tests notice"
	@echo "make slowdowns builds made slower; see that pensieve-bench notices"
	@echo "make lint      formatting, types, layering"
	@echo "make bench     measure against mlx-lm and others; .venv/bin/pensieve-bench has more"
	@echo "make clean     remove what was built; distclean: .venv and models, too"

# ----- Setting up -----

setup: $(PACKAGE) $(TOOLS)
	@echo "Set up: $$($(BIN)/pensieve version | head -n 1) in $(VENV)"

$(MADE):
	@test -n "$(PYTHON)" || { echo "Pensieve needs Python 3.11 or newer, and found none as python3; name one with: make PYTHON=/path/to/python" >&2; exit 1; }
	@test "$$(uname -sm)" != "Darwin x86_64" || { echo "Pensieve needs a Mac with Apple Silicon: MLX has no build for Intel" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "$(PYTHON) has no C headers; on Debian and Ubuntu: apt install python3-dev" >&2; exit 1; }
	@printf '#include <concepts>\n#include <span>\nint main() { return 0; }\n' | $(COMPILER) -std=c++20 -fsyntax-only -x c++ - 2>/dev/null || { echo "Pensieve needs a C++20 compiler, and $(COMPILER) is none; on Debian and Ubuntu: apt install g++, on a Mac: xcode-select --install" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@# Dependency groups need a pip that knows them.
	@$(PIP) install --quiet "pip>=25.1"
	@touch $@

$(PACKAGE): $(MADE) pyproject.toml CMakeLists.txt $(NATIVE)
	@echo "Building and installing Pensieve (a minute or two when it is the first time)"
	@$(PIP) install --quiet --group build
	@$(PIP) install --quiet --no-build-isolation --editable .
	@touch $@

$(TOOLS): $(MADE) pyproject.toml
	@echo "Installing what tests and checks need"
	@$(PIP) install --quiet --group test --group lint
	@touch $@

# ----- A first answer -----

# What the verbs need to know of another port than the usual one.
CLAUDE_PORT = $(if $(filter-out 7777,$(DEMO_PORT)),PENSIEVE_PORT=$(DEMO_PORT) )
ON_PORT = $(if $(filter-out 7777,$(DEMO_PORT)), --port $(DEMO_PORT))

demo: $(PACKAGE)
	@echo "Installed: $$($(BIN)/pensieve version | head -n 1) in $(VENV)"
	@$(BIN)/pensieve pull smollm2
	@$(BIN)/pensieve start --model smollm2 --host 127.0.0.1 --port $(DEMO_PORT) \
		|| { echo 'For a demo on another port: make demo DEMO_PORT=7778' >&2; exit 1; }
	@echo
	@echo '> Why is the sky blue? Answer in two sentences.'
	@$(BIN)/pensieve ask --port $(DEMO_PORT) --max-tokens 120 'Why is the sky blue? Answer in two sentences.'
	@echo
	@echo 'The server goes on running. What to type next:'
	@echo '  $(CLAUDE_PORT)$(BIN)/pensieve claude --bare    Claude Code on it, if you have it'
	@echo '  $(BIN)/pensieve ask$(ON_PORT) "..."    another question'
	@echo '  $(BIN)/pensieve status$(ON_PORT)       how the server is'
	@echo '  $(BIN)/pensieve stop$(ON_PORT)         end it'

# ----- Checking -----

# Two files of tests at a time, or TEST_JOBS; much of their time they wait.
TEST_JOBS ?= 2
test: setup test-native
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile

# Those of each kind of server; `make test` has one of each end.
ends: setup
	$(BIN)/python -m pytest -m "not hours" tests/serve/test_ends.py tests/serve/test_reload_engine.py

# 300 answers under random schemas, some 20 minutes; `make test` has 8 of them.
forced-answers: setup
	PENSIEVE_FORCED_ANSWERS=300 $(BIN)/python -m pytest tests/api/test_forced_answers.py

# Without a folder of recorded sessions in PENSIEVE_TEST_TRACES, made-up ones alone.
traces: setup
	$(BIN)/python -m pytest -m "not hours" tests/engine/prefix_cache/test_traces.py tests/engine/prefix_cache/test_same_answers.py

# At full length with a quarter of the memory: most of a session is computed anew.
traces-whole: setup
	$(BIN)/python -m pytest -m hours tests/engine/prefix_cache/test_traces.py

# Rows of real vocabularies, of which `make test` has a few hundred, and frequencies.
sampling-all: sampling
	$(BIN)/python -m pytest -m "patient or not patient" tests/engine/sampling/test_right_answers.py tests/metal/test_sample_kernels.py

sampling: setup
	$(BIN)/python -m pytest -m "patient or not patient" tests/native/test_sampling.py tests/native/test_sampling_frequencies.py

# Of another server: .venv/bin/python -m pytest tests/conformance --base-url http://...
conformance: setup
	$(BIN)/python -m pytest -m "patient or not patient" tests/conformance

# Ten minutes of it, or CHAOS_S seconds; .ci/run has less than one. It prints the
# seed of its choices: CHAOS_SEED repeats them.
CHAOS_S ?= 600
chaos: setup
	PENSIEVE_TEST_CHAOS_S=$(CHAOS_S) $(if $(CHAOS_SEED),PENSIEVE_TEST_CHAOS_SEED=$(CHAOS_SEED)) $(BIN)/python -m pytest -s -m "patient or not patient" tests/chaos

# Each attack at full size; `make test` has them small. Says what each has cost.
attacks: setup
	$(BIN)/python -m pytest -s -m "patient or not patient" tests/attacks

# The whole agent on the tiny model of the tests, in a terminal too (needs tmux).
test-claude: setup
	$(BIN)/python -m pytest -m agent tests/claude_code

# The server's own page in a real browser; pictures of it are in build/screenshots then.
PAGE_TOOLS := $(VENV)/.page-tools
test-page: setup
	@if $(BIN)/python tests/page/browser.py >/dev/null; then \
		$(MAKE) --no-print-directory $(PAGE_TOOLS) \
		&& $(BIN)/python -m pytest -m page tests/page; \
	else \
		echo "Skipped the page's tests: no Chromium or Chrome here (Debian: apt install chromium;"; \
		echo "PENSIEVE_TEST_BROWSER names one that is elsewhere)"; \
	fi

$(PAGE_TOOLS): $(MADE) pyproject.toml
	@$(PIP) install --quiet --group page
	@touch $@

# What README and docs/ tell people to type; lists what cannot be run here.
test-docs: setup
	$(BIN)/python -m pytest -s -m docs tests/docs

test-native: $(PACKAGE)
ifeq ($(DOCTEST),)
	@echo "Skipped the C++ unit tests: doctest is not installed (Debian: doctest-dev, Homebrew: doctest)"
else
	PATH="$(CURDIR)/$(BIN):$$PATH" && cmake --preset asan && cmake --build --preset asan && ctest --preset asan
endif

# On a GPU, with real vocabularies too; `make test` has small ones, or says that MLX has
# no GPU here. CUDA needs MLX's: .venv/bin/python -m pip install 'mlx[cuda13]'.
test-metal test-cuda: setup
	PENSIEVE_TEST_GPU_ROWS=600 $(BIN)/python -m pytest tests/metal/test_gpu.py

# NVIDIA's compiler comes from PyPI, some 180 MB.
NVRTC := build/nvidia
test-cuda-text: setup $(NVRTC)
	PENSIEVE_TEST_NVRTC=$(NVRTC) $(BIN)/python -m pytest tests/metal/test_cuda_text.py

$(NVRTC):
	$(PIP) install --quiet --target $@.part "nvidia-cuda-nvrtc>=13,<14" "nvidia-cuda-runtime>=13,<14" "nvidia-cuda-crt>=13,<14" "nvidia-cuda-cccl>=13,<14"
	@mv $@.part $@

# Ten minutes, or FUZZ_S seconds; .ci/run has less than one. What it finds stays in
# build/fuzz-corpus for the next time; `test-native` mutates files without it, a little.
FUZZ_S ?= 600
FUZZ_FLAGS = -max_total_time=$(FUZZ_S) -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
	-print_final_stats=1 -artifact_prefix=build/
fuzz: $(PACKAGE)
	@mkdir -p build/fuzz-corpus
	@if echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' \
		| clang++ -fsanitize=fuzzer,address,undefined -x c++ - -o build/fuzz-probe 2>/dev/null; then \
		export PATH="$(CURDIR)/$(BIN):$$PATH" \
		&& cmake --preset fuzz && cmake --build --preset fuzz \
		&& python tests/reference/gguf_seeds.py build/fuzz-seeds \
		|| exit 1; \
		build/fuzz/gguf_fuzz $(FUZZ_FLAGS) build/fuzz-corpus build/fuzz-seeds \
			>build/fuzz.log 2>&1; \
		status=$$?; grep -vE '(NEW|REDUCE|pulse)  *cov:|^"|#####' build/fuzz.log; exit $$status; \
	else \
		echo "Skipped fuzzing: no clang++ with libFuzzer here (Debian: clang and libclang-rt-dev;"; \
		echo "Apple's own clang has none). The C++ unit tests mutate GGUF files without it, too."; \
	fi

# The share of the cores' lines that the C++ unit tests run; below 95 % it fails.
GCOV = $(if $(filter Darwin,$(shell uname -s)),xcrun llvm-cov gcov,gcov)
COVERED = $(filter bpe detokenize gguf sampling sse,$(notdir $(wildcard csrc/*)))
coverage-native: $(PACKAGE)
ifeq ($(DOCTEST),)
	@echo "Skipped the C++ cores' coverage: doctest is not installed (Debian: doctest-dev, Homebrew: doctest)"
else
	@# Counts of an earlier build do not fit this one's.
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	PATH="$(CURDIR)/$(BIN):$$PATH" && cmake --preset coverage && cmake --build --preset coverage && ctest --preset coverage
	$(BIN)/python csrc/coverage.py "$(GCOV)" build/coverage 95 $(COVERED)
endif

# The C++ unit tests under ThreadSanitizer, which AddressSanitizer cannot run beside.
test-tsan: $(PACKAGE)
ifeq ($(DOCTEST),)
	@echo "Skipped the C++ unit tests: doctest is not installed (Debian: doctest-dev, Homebrew: doctest)"
else
	PATH="$(CURDIR)/$(BIN):$$PATH" && cmake --preset tsan && cmake --build --preset tsan && ctest --preset tsan
endif

mutants: setup
	$(BIN)/python tests/conformance/try_mutants.py

# A tenth slower on purpose, module by module: does the comparison of builds see it,
# and nothing in two equal builds? Half an hour.
slowdowns: setup
	$(BIN)/python tests/bench/try_slowdowns.py

# clang-tidy comes from PyPI and does not know where Apple keeps its headers.
TIDY_SYSROOT = $(if $(filter Darwin,$(shell uname -s)),--extra-arg=-isysroot$(shell xcrun --show-sdk-path))

# The kernels' texts, and what runs them on a CPU.
KERNELS = $(wildcard metal/*.h tests/metal/emulated/*.hpp)

TIDIED = $(filter-out $(if $(DOCTEST),,csrc/tests/%),$(filter %.cpp %.c,$(CPP_SOURCES)))
STUBBED = $(subst /,.,$(basename $(wildcard pensieve/_native/*.pyi)))

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/stubtest $(STUBBED)
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint csrc
	$(BIN)/clang-format --dry-run -Werror $(CPP_SOURCES) $(KERNELS)
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S . -B build/tidy -G Ninja --log-level=WARNING -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DPENSIEVE_TESTS=$(if $(DOCTEST),ON,OFF)
	@# Two at a time, or TEST_JOBS: it takes seconds a file.
	printf '%s\n' $(TIDIED) | xargs -P $(TEST_JOBS) -n 3 $(BIN)/clang-tidy -p build/tidy --quiet $(TIDY_SYSROOT)

bench: setup
	$(BIN)/pensieve pull smollm2
	$(BIN)/pensieve-bench native
	$(BIN)/pensieve-bench kernels
	$(BIN)/python -m pensieve.bench.serve.bench_serve
	$(BIN)/python -m pensieve.bench.serve.bench_long_write
	$(BIN)/python -m pensieve.bench.serve.bench_http_cpu
	$(BIN)/python -m pensieve.bench.native.bench_detokenize
	$(BIN)/python -m pensieve.bench.kernels.bench_sampling
	$(BIN)/python -m pensieve.bench.engine.bench_constraint
	$(BIN)/python -m pensieve.bench.engine.bench_prefix
	$(BIN)/python -m pensieve.bench.engine.bench_disk_restore

# ----- Tidying up -----

clean:
	rm -rf build dist $(PACKAGE) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find pensieve tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) .cache
