# The commands of a working day; `make help` lists them.
#   BUILD     the preset that `make up`, `build`, `test` and `bench` use
#   UP_FLAGS  further flags for `insula up`
BUILD ?= release
UP_FLAGS ?=
JOBS ?= $(shell nproc)

export CCACHE_DIR ?= $(HOME)/.cache/ccache
.DEFAULT_GOAL := help

.PHONY: help
help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.PHONY: up
up: ## Install what is needed, build, start with the demo tenants, wait until ready
	@tools/deps.sh build run
	@$(MAKE) --no-print-directory insula
	@if ./insula status >/dev/null 2>&1; then echo "already running; make down stops it"; ./insula status; \
	  ./insula status | grep -qF "$$(./insula version)," || echo "$$(./insula version) is built: make down up starts it"; \
	else ./insula up --demo --detach $(UP_FLAGS); fi

.PHONY: down
down: ## Stop what make up started; data is kept
	@./insula down

.PHONY: insula
insula: build/$(BUILD)/build.ninja
	@cmake --build build/$(BUILD) --parallel $(JOBS) --target insula
	@ln -sf build/$(BUILD)/src/server/insula insula

.PHONY: build
build: build/$(BUILD)/build.ninja ## Build everything, tests too
	@cmake --build build/$(BUILD) --parallel $(JOBS)
	@ln -sf build/$(BUILD)/src/server/insula insula

build/%/build.ninja: CMakePresets.json
	@cmake --preset $* >build-$*.log 2>&1 || { cat build-$*.log; rm -f build-$*.log; exit 1; }
	@rm -f build-$*.log

.PHONY: test
test: ## Install what the tests need, build, run all tests
	@tools/deps.sh build run test
	@$(MAKE) --no-print-directory build
	@ctest --test-dir build/$(BUILD) --output-on-failure --no-tests=error

.PHONY: unit
unit: ## Build and run the unit tests alone
	@$(MAKE) --no-print-directory build
	@ctest --test-dir build/$(BUILD) --output-on-failure -L unit --parallel $(JOBS)

.PHONY: asan
asan: ## Unit tests and fuzz corpora under AddressSanitizer and UBSan
	@tools/deps.sh build run test lint
	@$(MAKE) --no-print-directory build BUILD=asan
	@ctest --test-dir build/asan --output-on-failure -L 'unit|fuzz'

.PHONY: fuzz
fuzz: ## Fuzz every parser of untrusted bytes; FUZZ="--seconds 60" or "--runs 5000000" each
	@tools/deps.sh build lint
	@tools/fuzz.sh --jobs $(JOBS) $(FUZZ)

.PHONY: interop
interop: ## Official client libraries, and LiteLLM and llama.cpp as backends; skipped where they cannot be had
	@tools/deps.sh build run test
	@$(MAKE) --no-print-directory insula
	@cd tests/interop && INSULA_BIN="$(CURDIR)/build/$(BUILD)/src/server/insula" PYTHONDONTWRITEBYTECODE=1 python3 -m unittest -v test_sdks test_clients test_backends

.PHONY: bench
bench: ## Run every benchmark; each ends with one line of JSON
	@tools/deps.sh build run test bench
	@$(MAKE) --no-print-directory build
	@tools/bench.sh build/$(BUILD)

.PHONY: bench-gateway
bench-gateway: ## The gateway beside nginx, HAProxy, Envoy, Portkey and LiteLLM; draws the chart
	@tools/deps.sh build run test bench
	@tools/peers.sh >/dev/null
	@$(MAKE) --no-print-directory build
	@bench/gateway.py --build build/$(BUILD) --chart docs/gateway-performance.svg

.PHONY: lint
lint: ## Formatter, clang-tidy on changed files, sizes, words, layers
	@tools/deps.sh build lint
	@tools/lint

.PHONY: fmt
fmt: ## Format the C++ sources
	@tools/deps.sh lint
	@git ls-files '*.cc' '*.h' | xargs clang-format-19 -i
