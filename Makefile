# Bare `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# One setting for everything, so that builds and tests share one cache. No C compiler is needed.
export CGO_ENABLED := 0
LDFLAGS := -s -w
GO ?= go

# Packages that link the embedded Temporal server: their first build takes minutes, so they are kept apart.
HEAVY := ./access/frontend ./access/cluster ./sandbox ./sandbox/embedded ./cmd/fermata-sandbox ./cmd/fermata-temporal ./testsuite/attack ./testsuite/bench ./testsuite/cli ./testsuite/crash ./testsuite/judge ./testsuite/replay/recorder \
	./testsuite/scenarios ./testsuite/stage ./testsuite/trust ./testsuite/upgrade ./testsuite/bed/scenarios ./testsuite/bed/metrics ./testsuite/bed/instance
LIGHT = $(shell $(GO) list ./... | grep -v -x $(foreach p,$(HEAVY),-e fermata/$(p:./%=%)))
# The test bed needs root on Debian: it is linted with the rest and tested apart.
BED := ./testsuite/bed/...
# Those that take longest begin first, beside the others: much of their time is waiting.
BEDLONG := ./testsuite/bed/scenarios ./testsuite/bed/temporal
# Those that need the processors, by Ansible and by builds: beside them the others would run out of their patience.
BEDALONE := ./testsuite/bed/ansible ./testsuite/bed/shipping
BEDREST = $(filter-out $(BEDALONE:./%=fermata/%),$(shell $(GO) list $(BED)))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the binaries into bin/
	@echo "Building fermata, fermata-worker, fermata-sandbox and fermata-temporal. The first build compiles the Temporal server: about 7 minutes on 2 cores."
	@$(GO) build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: run
run: build ## start the sandbox and carry examples/web-server.yaml from plan to record
	@bin/fermata-sandbox run examples/web-server.yaml

.PHONY: sandbox
sandbox: build ## start the sandbox and stay until Ctrl-C
	@bin/fermata-sandbox up

.PHONY: test
test: ## all tests: no root, no network but modules and loopback
	$(GO) test -count=1 -ldflags '$(LDFLAGS)' $(filter-out fermata/$(BED:./%...=%)%,$(LIGHT))
	$(GO) test -count=1 -vet=off -ldflags '$(LDFLAGS)' -p 1 -timeout 20m ./access/cluster ./testsuite/trust ./testsuite/scenarios ./testsuite/cli ./testsuite/crash ./testsuite/upgrade ./testsuite/judge ./testsuite/attack
	cd deploy/kubernetes && $(GO) vet ./... && $(GO) test -count=1 -ldflags '$(LDFLAGS)' ./...
	cd examples/own-process && $(GO) vet ./... && $(GO) test -count=1 -ldflags '$(LDFLAGS)' ./...
	@# The recorder and the benchmark must go on compiling; they work only when they are asked to.
	$(GO) test -vet=off -ldflags '$(LDFLAGS)' -run '^$$' ./testsuite/replay/recorder ./testsuite/bench

.PHONY: record
record: ## record the histories that are missing (FERMATA_RECORD names stories, FERMATA_RECORD_INTO another folder)
	$(GO) test -count=1 -v -vet=off -ldflags '$(LDFLAGS)' -parallel 8 -timeout 20m ./testsuite/replay/recorder

# A benchmark never fails by its figures: it prints them beside their bounds. Keep the machine quiet meanwhile.
.PHONY: bench
bench: ## measure what Fermata itself costs, beside what Temporal alone costs: some minutes
	$(GO) test -vet=off -ldflags '$(LDFLAGS)' -run '^$$' -bench . -benchtime 1x -timeout 60m ./testsuite/bench

.PHONY: crash
crash: ## kill processes at every step in every way, and at random moments: takes long
	$(GO) test -count=1 -v -vet=off -tags long -ldflags '$(LDFLAGS)' -timeout 3h ./testsuite/crash

# The first pass compiles, and installs and builds what tests need: no test's time is spent on it. Then two packages share
# the processors, since the two long ones mostly wait: for outages, for guests, for Temporal.
.PHONY: bed
bed: ## test on real daemons in network namespaces: root on Debian, installs packages
	@echo "Building the test bed. What it prepares is kept in FERMATA_BED_CACHE, by default in the user's cache folder."
	@$(GO) test -count=1 -vet=off -ldflags '$(LDFLAGS)' -timeout 30m -run '^$$' $(BED) > /dev/null || $(GO) test -count=1 -vet=off -ldflags '$(LDFLAGS)' -timeout 30m -run '^$$' $(BED)
	@set -o pipefail; quiet() { grep --line-buffered -v -e '^=== ' -e '^    --- PASS'; }; \
	$(GO) test -count=1 -p 2 -parallel 4 -v -vet=off -ldflags '$(LDFLAGS)' -timeout 20m $(BEDLONG) $(BEDREST) | quiet && \
	$(GO) test -count=1 -p 1 -parallel 2 -v -vet=off -ldflags '$(LDFLAGS)' -timeout 30m $(BEDALONE) | quiet

.PHONY: bed-vm
bed-vm: ## test on a whole Debian with systemd in qemu: root on Debian, some minutes
	$(GO) test -count=1 -v -vet=off -tags vm -timeout 40m ./testsuite/bed/vm

.PHONY: bed-openstack
bed-openstack: ## test on a real Keystone, Nova, Neutron and Glance with Nova's fake hypervisor: root on Debian, about 11 minutes
	$(GO) test -count=1 -v -vet=off -tags openstack -ldflags '$(LDFLAGS)' -timeout 40m ./testsuite/bed/openstack

# With CI=true the bed runs wherever it is, and fails where it cannot.
.PHONY: ci-bed
ci-bed:
	@if [ "$$CI" = true ] || { [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; }; then $(MAKE) bed; \
	else echo "The test bed was left out: it needs root on Debian (make bed)."; fi

.PHONY: ci
ci: lint build test ci-bed ## lint, build and test, also on real daemons: what CI runs

.PHONY: tools
tools: bin/tools/golangci-lint ## build linters into bin/tools (about 4 minutes the first time)
bin/tools/golangci-lint: tools/go.mod tools/go.sum
	@echo "Building the linters, about 4 minutes the first time."
	@mkdir -p bin/tools && cd tools && $(GO) build -o ../bin/tools/ tool && touch ../$@

.PHONY: lint
lint: tools ## formatting, linters, determinism of workflows
	@test -z "$$(bin/tools/gofumpt -modpath fermata -l $$(git ls-files '*.go'))" || { bin/tools/gofumpt -modpath fermata -l $$(git ls-files '*.go'); echo "run: make fmt"; exit 1; }
	bin/tools/golangci-lint run $(foreach p,$(LIGHT),$(p:fermata/%=./%))
	@# Modules of their own.
	for module in deploy/kubernetes examples/own-process; do (cd $$module && ../../bin/tools/golangci-lint run --config ../../.golangci.yaml) || exit 1; done
	bin/tools/workflowcheck -config .workflowcheck.yaml ./workflows/...

.PHONY: fmt
fmt: tools ## format all Go files
	bin/tools/gofumpt -modpath fermata -w $$(git ls-files '*.go')

.PHONY: reference
reference: ## write docs/reference anew from what is read of specs, policies and installations
	$(GO) test -count=1 -ldflags '$(LDFLAGS)' -run 'Reference' ./spec ./config -update > /dev/null
	$(GO) test -count=1 -ldflags '$(LDFLAGS)' -run 'Reference' ./spec ./config

.PHONY: picture
picture: build ## draw docs/run.svg from a real run of the example in a sandbox of its own
	@d=$$(mktemp -d) && bin/fermata-sandbox --data $$d --temporal-port 0 --ui-port 0 --vcenter-port 0 --bastion-port 0 --tickets-port 0 --service-port 0 --mail-port 0 --hooks-port 0 \
	  run examples/web-server.yaml > $$d/out 2> $$d/err || { cat $$d/out $$d/err; exit 1; }; \
	  sed -n -e '/^[$$] fermata watch/,/ ok  decisions/p' $$d/out | grep -v -e ' running ' | (cd tools && $(GO) run ./picture 'examples/web-server.yaml in the sandbox') > docs/run.svg; rm -rf $$d

.PHONY: fuzz
fuzz: ## fuzz every parser for 20 seconds each
	@for p in $$($(GO) list ./...); do d=$${p#fermata/}; for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$d/*_test.go 2>/dev/null | sed 's/func //'); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s -fuzzminimizetime 1x $$p || exit 1; done; done

# What an image is called.
COMMIT = $(shell git rev-parse HEAD)
VERSION = $(shell git describe --tags --always --dirty=-modified)

# Systems and programs that make dist builds; fermata-sandbox can be added to the programs.
DIST ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
PROGRAMS ?= fermata fermata-worker fermata-temporal

.PHONY: dist
dist: bin/tools/nfpm ## make static programs, archives, Debian packages, bills of materials and sums in dist/
	@echo "Building for $(DIST). Temporal's server is compiled anew for each Linux: some minutes each."
	$(GO) run ./deploy/dist -platforms '$(DIST)' -programs '$(PROGRAMS)'

bin/tools/nfpm: tools/ship/go.mod tools/ship/go.sum
	@mkdir -p bin/tools && cd tools/ship && $(GO) build -o ../../bin/tools/ tool && touch ../../$@

.PHONY: image
image: ## build the container image fermata:VERSION with the programs, from this machine's docker
	@mkdir -p bin/image && GOOS=linux $(GO) build -ldflags "$(LDFLAGS) -X fermata/build.version=$(VERSION) -X fermata/build.commit=$(COMMIT)" -o bin/image/ ./cmd/fermata ./cmd/fermata-worker ./cmd/fermata-temporal
	@cp /etc/ssl/certs/ca-certificates.crt deploy/image/passwd deploy/image/group bin/image/
	docker build --network none --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) -t fermata:$(VERSION) -f deploy/Dockerfile bin/image

.PHONY: compose-init
compose-init: ## make certificates, keys and a password for docker-compose.yml, in compose/
	@$(GO) build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/fermata
	@bash deploy/compose/init.sh bin/fermata $(VERSION)

.PHONY: clean
clean: ## remove what was built; the sandbox's state stays
	rm -rf bin dist
