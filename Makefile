# Bare `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# One setting for everything, so that builds and tests share one cache. No C compiler is needed.
export CGO_ENABLED := 0
LDFLAGS := -s -w
GO ?= go

# Packages that link the embedded Temporal server: their first build takes minutes, so they are kept apart.
HEAVY := ./sandbox ./sandbox/embedded ./cmd/fermata-sandbox ./testsuite/scenarios
LIGHT = $(shell $(GO) list ./... | grep -v -x $(foreach p,$(HEAVY),-e fermata/$(p:./%=%)))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the binaries into bin/
	@echo "Building fermata, fermata-worker and fermata-sandbox. The first build compiles the Temporal server: about 7 minutes on 2 cores."
	@$(GO) build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: run
run: build ## start the sandbox and carry examples/web-server.yaml from plan to record
	@bin/fermata-sandbox run examples/web-server.yaml

.PHONY: sandbox
sandbox: build ## start the sandbox and stay until Ctrl-C
	@bin/fermata-sandbox up

.PHONY: test
test: ## all tests: no root, no network but modules and loopback
	$(GO) test -count=1 -ldflags '$(LDFLAGS)' $(LIGHT)
	$(GO) test -count=1 -ldflags '$(LDFLAGS)' -timeout 20m ./testsuite/scenarios

.PHONY: ci
ci: lint build test ## lint, build and test: what CI runs

.PHONY: tools
tools: bin/tools/golangci-lint ## build linters into bin/tools (about 4 minutes the first time)
bin/tools/golangci-lint: tools/go.mod tools/go.sum
	@echo "Building the linters, about 4 minutes the first time."
	@mkdir -p bin/tools && cd tools && $(GO) build -o ../bin/tools/ tool && touch ../$@

.PHONY: lint
lint: tools ## formatting, linters, determinism of workflows
	@test -z "$$(bin/tools/gofumpt -l $$(git ls-files '*.go'))" || { bin/tools/gofumpt -l $$(git ls-files '*.go'); echo "run: make fmt"; exit 1; }
	bin/tools/golangci-lint run $(foreach p,$(LIGHT),$(p:fermata/%=./%))
	bin/tools/workflowcheck -config .workflowcheck.yaml ./workflows/...

.PHONY: fmt
fmt: tools ## format all Go files
	bin/tools/gofumpt -w $$(git ls-files '*.go')

.PHONY: fuzz
fuzz: ## fuzz every parser for 20 seconds each
	@for p in $$($(GO) list ./...); do d=$${p#fermata/}; for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$d/*_test.go 2>/dev/null | sed 's/func //'); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s -fuzzminimizetime 1x $$p || exit 1; done; done

.PHONY: clean
clean: ## remove what was built; the sandbox's state stays
	rm -rf bin
