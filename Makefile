# A thin shell around `tools/bootstrap`, the command `orderbook` and the checks.

BIN := .venv/bin
ORDERBOOK = @test ! -x $(BIN)/orderbook || $(BIN)/orderbook

.DEFAULT_GOAL := help
.PHONY: help run stop clean test check lock env dev-env

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: env ## Start everything on this machine; Ctrl-C or `make stop` ends it
	@$(BIN)/orderbook run

stop: ## End the running stack
	$(ORDERBOOK) stop

clean: ## Remove all local state
	$(ORDERBOOK) clean --yes

test: dev-env ## Install, check, and run every test, the quick ones first
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest tests -m "not component and not pipeline and not browser and not recovery"
	$(BIN)/pytest tests -m "component and not pipeline and not browser and not recovery"
	$(BIN)/pytest tests -m "pipeline and not browser and not recovery"
	$(BIN)/pytest tests -m "browser and not recovery"
	$(BIN)/pytest tests/component tests/faults -m recovery
	$(BIN)/pytest tests -m recovery --ignore tests/component --ignore tests/faults

check: dev-env ## Lint, formatting, types, and which room imports which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: ## Lock the requirements anew; needs uv
	@command -v uv >/dev/null || { echo "uv is needed to lock the requirements: install it first" >&2; exit 1; }
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --overrides requirements/overrides.txt requirements/run.in -o requirements/run.txt
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --overrides requirements/overrides.txt requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/uv.in -o requirements/uv.txt

env:
	@tools/bootstrap run

dev-env:
	@tools/bootstrap dev
	@$(BIN)/python -m flink.jars local_stack/broker.lock.toml .orderbook/jars/broker
	@$(BIN)/python -m flink.jars flink/jars.lock.toml .orderbook/jars
