# make lists the targets; make check is everything that CI runs.

GOFLAGS_TEST ?= -shuffle=on
FUZZTIME ?= 10m
BIN := bin

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## run relay, the reference application, on http://127.0.0.1:8080
	go run ./cmd/gale/reference/cmd/relay

.PHONY: test
test: ## run every test of every released module
	go test work

.PHONY: check
check: fmt-check vet lint race ## everything CI runs: format, vet, lint, house rules, tests with the race detector

# SQLite's own C, as Go, needs no watching, and takes half of the tests' time
# with it; the driver around it is watched.
PLAIN_SQLITE := $(foreach p,sqlite/lib libc memory,-gcflags='modernc.org/$(p)=-race=false -d=checkptr=0')

.PHONY: race
race: ## all tests, shuffled, with the race detector
	go test -race $(PLAIN_SQLITE) $(GOFLAGS_TEST) -timeout 20m work

.PHONY: vet
vet: ## go vet, here and for the systems without an epoll
	go vet work
	cd bench && GOWORK=off go vet ./... && GOWORK=off go test ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...

.PHONY: lint
lint: $(BIN)/staticcheck ## staticcheck over every module
	$(BIN)/staticcheck ./... ./drivers/... ./cmd/gale/...

.PHONY: fmt
fmt: $(BIN)/gofumpt ## format every Go file
	$(BIN)/gofumpt -w .

.PHONY: fmt-check
fmt-check: $(BIN)/gofumpt ## fail when a file is not formatted
	@out=$$($(BIN)/gofumpt -l .); if [ -n "$$out" ]; then echo "not formatted (make fmt):"; echo "$$out"; exit 1; fi

# The linters are pinned in tools.mod, apart from what users link.
$(BIN)/staticcheck $(BIN)/gofumpt: tools.mod
	GOWORK=off go build -modfile=tools.mod -o $(BIN)/ honnef.co/go/tools/cmd/staticcheck mvdan.cc/gofumpt
	@touch $(BIN)/staticcheck $(BIN)/gofumpt

.PHONY: fuzz
fuzz: ## fuzz every target, FUZZTIME each (default 10m)
	FUZZTIME=$(FUZZTIME) ./scripts/fuzz

.PHONY: soak
soak: SOAKTIME ?= 5m
soak: ## attacks on the engine, then mixed load for SOAKTIME (default 5m) with the race detector: no race, no leak
	SOAKTIME=$(SOAKTIME) go test ./engine -run 'Fault|Overload' -count=1 -v -timeout 30m
	SOAKTIME=$(SOAKTIME) go test -race ./engine -run '^TestSoak$$' -count=1 -v -timeout 0

.PHONY: soak-realtime
soak-realtime: SOAKTIME ?= 10m
soak-realtime: ## 15,000 sockets that come, go, stall and vanish for SOAKTIME (default 10m): nothing lost, nothing kept
	cd bench && SOAKTIME=$(SOAKTIME) GOWORK=off go test ./realtime/soak -run '^TestSoak$$' -count=1 -v -timeout 0

.PHONY: bench
bench: bench-start bench-relay bench-accounts bench-http bench-realtime ## all benchmarks that print figures for the README

.PHONY: bench-http
bench-http: ## gale's engine beside its peers, 12 minutes on an idle machine; writes bench/RESULTS.md
	cd bench && GOWORK=off go run ./http -out RESULTS.md

.PHONY: bench-realtime
bench-realtime: ## WebSockets and topics beside their peers, 10 minutes on an idle machine; writes bench/RESULTS-realtime.md
	cd bench && GOWORK=off go run ./realtime -out RESULTS-realtime.md

.PHONY: bench-relay
bench-relay: ## packets a second that relay commits, beside a bare net/http + database/sql handler
	cd bench && GOWORK=off go run ./relay

.PHONY: bench-accounts
bench-accounts: ## what sessions, API keys, JWT and limits cost a request, and sign-ins everybody else, 1 minute
	cd bench && GOWORK=off go run ./accounts

.PHONY: bench-start
bench-start: ## time to the first answer, size of a hello world, time of gale new --run
	cd bench && GOWORK=off go run ./start

.PHONY: screenshots
screenshots: ## take the pictures of relay in docs/img with headless Chromium
	cd cmd/gale && go run ./internal/screenshots -out ../../docs/img

.PHONY: generate
generate: ## build what gale serves to browsers from its TypeScript: hub/browser/dist, auth/passkey/browser/dist
	go run ./cmd/gale/internal/clientjs

.PHONY: tidy
tidy: ## go mod tidy in each module, against this working tree
	./scripts/tidy
