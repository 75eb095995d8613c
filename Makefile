# DriftSentry. You need only Go 1.26 and make; `make help` lists the targets.

MODULES  := cli client pkg services/api services/realtime test test/prometheus testkit
# Not in go.work, because they depend on the types of the Kubernetes API and on the framework of Terraform providers.
ALONE    := test/kubernetes test/tofu
PACKAGES := $(MODULES:%=./%/...)
LAUNCHER := .run/bin/launcher
TOOLS    := .run/tools
# It ends with the number of tests, the failed and the skipped ones with the reason, and the counts that tests log as `tried: `.
# -count 1: Go's cache does not notice changes outside of a module, and many tests read docs, deploy or another module.
GOTEST   := $(TOOLS)/gotestsum --format pkgname --format-hide-empty-pkg --jsonfile .run/tests.json --post-run-command test/tried -- -count 1

.DEFAULT_GOAL := help
.PHONY: help run watch demo trace test test-long test-tofu test-old-client test-security verify sbom test-stack test-compose test-kubernetes test-cluster test-apidocs test-console test-faults soak tables console pictures slo faults-doc check-deploy up deploy down lint fmt prose vuln build release bench bench-load load clean compiler $(LAUNCHER)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# `exec` makes the launcher the process that Ctrl-C reaches, and the one that make waits for.
run: $(LAUNCHER) ## run both services on a private PostgreSQL with a sample plan; Ctrl-C stops them (make run API_PORT=… REALTIME_PORT=…)
	@exec $(LAUNCHER) run

watch: $(LAUNCHER) ## sign in as the viewer and print events as they arrive, while `make run` runs
	@exec $(LAUNCHER) watch

demo: $(LAUNCHER) ## keep plans and decisions coming, to watch in the console, while `make run` runs
	@exec $(LAUNCHER) demo

trace: $(LAUNCHER) ## print a trace as a tree: make trace ID=<trace id>; without ID, list the newest
	@exec $(LAUNCHER) trace $(ID)

test: compiler $(LAUNCHER) $(TOOLS)/gotestsum ## run every test under the race detector, on a real PostgreSQL
	@exec $(LAUNCHER) with-postgres -- $(GOTEST) -race -timeout 20m $(ARGS) $(PACKAGES)

# By name, so that no test runs twice. Release builds, except realtime in the memory tests: the race detector would slow the clients.
LONG = $(shell sed -n 's/^func \(Test[A-Za-z0-9_]*\).t \*testing.*/\1/p' $$(grep -l '^//go:build long' test/e2e/*_test.go) | paste -sd '|' -)
test-long: compiler $(LAUNCHER) $(TOOLS)/gotestsum ## run the tests that are too heavy for `make test`
	@test -n '$(LONG)' || { echo "no long test was found in test/e2e" >&2; exit 1; }
	@exec $(LAUNCHER) with-postgres -- $(GOTEST) -tags long -count 1 -timeout 30m -run '^($(LONG))$$' $(ARGS) ./test/e2e/

test-security: compiler $(LAUNCHER) $(TOOLS)/gotestsum verify ## run every attack and the supply chain checks
	@exec $(LAUNCHER) with-postgres -- $(GOTEST) -race -timeout 20m -run '^Test(Attack|Security)' $(ARGS) $(PACKAGES)

test-stack: $(TOOLS)/gotestsum ## test links, panels, alerts, faults and restarts with a real collector, Tempo, Loki, Prometheus and Alertmanager (in STACK_DIR)
	@cd test/prometheus && ../../$(TOOLS)/gotestsum --format testname -- -tags stack -count 1 -timeout 25m $(ARGS) ./stack/

test-compose: ## start the production stack in containers, test it through its edge, check the rights of each container
	@cd test && go test -tags compose -count 1 -timeout 60m -v $(ARGS) ./compose/

test-kubernetes: ## parse the manifests of deploy/kubernetes strictly, and compare them with the services
	@cd test/kubernetes && GOWORK=off go test -count 1 $(ARGS) ./...

test-cluster: ## install deploy/kubernetes on a real cluster of two nodes, and break and change it under load (CLUSTER, or cluster in STACK_DIR)
	@cd test && go test -tags cluster -count 1 -timeout 30m -v $(ARGS) ./cluster/

test-apidocs: ## read docs/api with linters, generators of types and TypeScript (needs Node.js 20 and npm)
	@test/apidoc/npm/check

test-console: ## compile the console strictly, and compare its types with the API document (needs Node.js 20 and npm)
	@console/check

pictures: $(LAUNCHER) ## make pictures of every screen of the console, in PICTURES (light, dark, wide, narrow; with 0, 1, 50 and 10,000 drifts)
	@PICTURES="$(abspath $(or $(PICTURES),.run/pictures))" $(LAUNCHER) with-postgres -- go test -tags pictures -count 1 -timeout 15m -run '^TestPictures$$' -v ./test/browser/

test-tofu: $(LAUNCHER) ## run the life of a drift with real plans of Terraform and OpenTofu (found on the PATH or in STACK_DIR)
	@exec $(LAUNCHER) with-postgres -- go test -tags tofu -count 1 -timeout 10m -v $(ARGS) ./test/life/

test-old-client: $(LAUNCHER) ## run the Go client of the version before, with its tests, on these services, and list which calls work (needs git's history)
	@exec $(LAUNCHER) with-postgres -- go test -tags oldclient -count 1 -timeout 20m -v $(ARGS) ./test/oldclient/

test-faults: $(LAUNCHER) ## break Postgres, the network and replicas while clients use the services, and check that no data was lost
	@exec $(LAUNCHER) with-postgres -- go test -tags faults -count 1 -timeout 20m -v ./test/prometheus/faults/ $(ARGS)

soak: $(LAUNCHER) ## run the services under load for ten minutes, then hold 10,000 sockets, and check for losses and leaks
	@exec $(LAUNCHER) with-postgres -- go test -tags soak -count 1 -timeout 40m -v ./test/soak/ $(ARGS)

TABLES := ./services/api/internal/httpapi/ ./services/realtime/internal/app/ ./test/prometheus/observability/ ./test/apidoc/
tables: $(LAUNCHER) ## write the tables of documents that tests keep, and the API documents that api serves (a single test: go test -run NAME ./its/folder -update)
	@exec $(LAUNCHER) with-postgres -- go test -count 1 -run '^Test(AttackAuthorization|RunbookTable|Registry|Objectives|Files)' $(TABLES) -update

console: ## make the console's files, which api serves, from the folder console (needs Node.js 20 and npm)
	@console/check -update
	@cd test && go test -count 1 -run '^TestFiles$$' ./console/ -update

slo: $(TOOLS)/sloth ## make the rules of the objectives in deploy/prometheus/slo, and those of deploy/kubernetes
	@tools/slo
	@tools/kubernetes-rules

faults-doc: ## run make test-faults and write docs/faults.md from the result
	@$(MAKE) test-faults ARGS='-update'

check-deploy: ## check the shipped configuration with the programs' own checkers, if these are installed
	@deploy/check

up: ## start the production stack in containers; makes missing .env and secrets
	@deploy/prepare
	@export COMMIT="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" && deploy/compose build && deploy/doctor --machine && deploy/compose up -d --wait
	@echo "It runs. What comes next: docs/first-hour.md, from step 2"

deploy: ## move the running stack to this version, one replica after the other (ARGS=--help lists options)
	@deploy/prepare
	@COMMIT="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" deploy/rollout $(ARGS)

down: ## stop the production stack; its data stays
	@deploy/compose down

bench: $(LAUNCHER) ## run every benchmark: make bench ARGS='-bench Ingest -count 10'
	@exec $(LAUNCHER) with-postgres -- go test -run '^$$' -bench . -benchmem -timeout 60m $(ARGS) $(PACKAGES)

bench-load: ## compare both services under load with peers: make bench-load PEERS=<folder with run-api.sh, run-ws.sh, bin/>
	@test -n "$(PEERS)" || { echo "PEERS is not set: the folder of the peers and their load generators" >&2; exit 1; }
	@PEERS="$(PEERS)" test/bench/api.sh
	@PEERS="$(PEERS)" test/bench/ws.sh

load: ## send load to `make run` or to your installation, and check that no event is lost: make load ARGS=-h
	@mkdir -p .run/bin && go build -buildvcs=false -o .run/bin/load ./test/cmd/load && exec .run/bin/load $(ARGS)

lint: $(TOOLS)/golangci-lint $(TOOLS)/vale $(TOOLS)/sloth ## lint every module, the format of files, the English, commit subjects, and the shipped configuration
	@tools/lint-commits
	@tools/lint-prose
	@tools/slo --check
	@tools/kubernetes-rules --check
	@for m in $(MODULES) $(ALONE); do echo "lint $$m"; (cd $$m && GOWORK=off "$(CURDIR)/$(TOOLS)/golangci-lint" run --allow-parallel-runners ./...) || exit 1; done
	@echo "lint the tests that have a target of their own"
	@cd test && GOWORK=off "$(CURDIR)/$(TOOLS)/golangci-lint" run --allow-parallel-runners --build-tags compose,cluster,soak,long,tofu,oldclient,pictures ./...
	@cd test/prometheus && GOWORK=off "$(CURDIR)/$(TOOLS)/golangci-lint" run --allow-parallel-runners --build-tags stack,faults ./...
	@deploy/check
	@cd test/prometheus && go test -count 1 ./observability/

prose: $(TOOLS)/vale ## check the English of documents and comments, warnings included: make prose ARGS=README.md
	@tools/lint-prose --minAlertLevel=warning $(ARGS)

fmt: $(TOOLS)/golangci-lint ## format the Go files
	@for m in $(MODULES) $(ALONE); do (cd $$m && GOWORK=off "$(CURDIR)/$(TOOLS)/golangci-lint" fmt ./...) || exit 1; done

vuln: $(TOOLS)/govulncheck ## look for known vulnerabilities in the dependencies
	@for m in $(MODULES) $(ALONE); do echo "vuln $$m"; (cd $$m && GOWORK=off "$(CURDIR)/$(TOOLS)/govulncheck" ./...) || exit 1; done

verify: ## verify every dependency against go.sum
	@for m in $(MODULES) $(ALONE); do (cd $$m && GOWORK=off go mod verify) || exit 1; done

sbom: $(TOOLS)/cyclonedx-gomod ## write an SBOM for each service, as CycloneDX: bin/<service>.cdx.json
	@mkdir -p bin
	@for s in api realtime; do \
		(cd services/$$s && GOWORK=off go build -buildvcs=false -trimpath -o "$(CURDIR)/bin/$$s" ./cmd/$$s) && \
		$(TOOLS)/cyclonedx-gomod bin -json -std -licenses -output bin/$$s.cdx.json bin/$$s && echo "bin/$$s.cdx.json" || exit 1; done

# What `make build` stamps on driftsentry, and `make release` on all.
VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo dev)

# What `driftsentry` is built for; those of Linux are what the services and images of a release are for, too.
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

build: ## build the services and driftsentry into bin/, driftsentry for each platform, and each module alone
	go build -trimpath -o bin/ ./services/api/cmd/api ./services/realtime/cmd/realtime ./cli/cmd/driftsentry
	@for p in $(PLATFORMS); do os=$${p%/*}; arch=$${p#*/}; ext=; [ $$os != windows ] || ext=.exe; \
		(cd cli && CGO_ENABLED=0 GOWORK=off GOOS=$$os GOARCH=$$arch go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$(VERSION)" \
			-o "$(CURDIR)/bin/driftsentry_$${os}_$$arch$$ext" ./cmd/driftsentry) && echo "bin/driftsentry_$${os}_$$arch$$ext" || exit 1; done
	@for m in $(MODULES) $(ALONE); do echo "build $$m alone"; (cd $$m && GOWORK=off go build ./...) || exit 1; done

release: $(TOOLS)/cyclonedx-gomod ## make what the page of a release holds, in dist/VERSION: make release VERSION=1.2.3, on the commit with the tag v1.2.3
	@CYCLONEDX="$(abspath $(TOOLS))/cyclonedx-gomod" tools/release "$(VERSION)" $(PLATFORMS)

clean: $(LAUNCHER) ## remove built programs, and the database, users and keys of `make run`
	@$(LAUNCHER) clean
	rm -rf bin

compiler:
	@command -v "$$(go env CC)" >/dev/null || { echo "The race detector and vale need a C compiler: apt-get install gcc libc6-dev (macOS: xcode-select --install)"; exit 1; }

# Go decides what is out of date. No version is stamped, because git refuses a checkout of another user.
$(LAUNCHER):
	@mkdir -p .run/bin
	@test -e $@ || echo "Building the launcher (Go fetches its modules the first time) …" >&2
	@go build -buildvcs=false -o $@ ./test/cmd/launcher

# The tools, at the versions of tools/go.mod. The first build takes some minutes.
golangci-lint := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
govulncheck   := golang.org/x/vuln/cmd/govulncheck
gotestsum     := gotest.tools/gotestsum

$(TOOLS)/%: tools/go.mod
	@echo "Building $* …"
	@mkdir -p $(TOOLS)
	@cd tools && GOWORK=off go build -o "$(CURDIR)/$@" $($*)

$(TOOLS)/cyclonedx-gomod: tools/sbom/go.mod
	@echo "Building cyclonedx-gomod …"
	@mkdir -p $(TOOLS)
	@cd tools/sbom && GOWORK=off go build -o "$(CURDIR)/$@" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

$(TOOLS)/vale: tools/vale/go.mod | compiler
	@echo "Building vale …"
	@mkdir -p $(TOOLS)
	@cd tools/vale && GOWORK=off go build -o "$(CURDIR)/$@" github.com/vale-cli/vale/v3/cmd/vale

# Without the version, the rules would say that sloth is `dev`.
$(TOOLS)/sloth: tools/sloth/go.mod
	@echo "Building sloth …"
	@mkdir -p $(TOOLS)
	@cd tools/sloth && GOWORK=off go build -ldflags "-X github.com/slok/sloth/internal/info.Version=$$(GOWORK=off go list -m -f '{{.Version}}' github.com/slok/sloth)" -o "$(CURDIR)/$@" github.com/slok/sloth/cmd/sloth
