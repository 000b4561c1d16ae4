GO      ?= go
TOOL     = CGO_ENABLED=0 $(GO) tool -modfile=internal/tools/go.mod
FUZZTIME ?= 60s
MUTANTS ?= 100
SEED    ?= 1

.PHONY: help test race lint generate check-generated bench bench-full fuzz soak crash powercut attack drivers release supply interop postgres openapi browser mutate cross modules ci

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

test: ## all tests, without cgo
	CGO_ENABLED=0 $(GO) test ./...

race: ## all tests under the race detector (needs a C compiler)
	RACE=all .ci/run race

lint: ## formatting, imports between packages, common mistakes
	.ci/run lint

generate: ## internal/db from schema.sql and queries/, what it says to PostgreSQL, and docs/reference.md from docs/openapi.json
	$(TOOL) sqlc generate
	$(GO) run -C internal/tools ./pgtext
	$(GO) run ./internal/reference/generate

check-generated: ## are internal/db and its texts for PostgreSQL what would be generated, and are the queries sound?
	.ci/run generated

bench: ## the benchmarks against PocketBase and simpler forms of the engine, in minutes
	cd benchmarks && $(GO) run . -quick

bench-full: ## the same at a million conversions, rewriting benchmarks/RESULTS.md
	cd benchmarks && $(GO) run . -full -write RESULTS.md

fuzz: ## every fuzz target for FUZZTIME (60s)
	FUZZTIME=$(FUZZTIME) .ci/run fuzz

soak: ## long: the books at random, many writers, closing under load, flipped bytes, backups
	REFGROW_SOAK=1 $(GO) test -count=1 -p 1 -timeout 240m -v ./tests/books ./tests/disks ./tests/damage
	REFGROW_SOAK=1 $(GO) test -count=1 -timeout 60m -v -run 'TestLockedByAnotherProcess|TestFullDisk' ./httpapi
	REFGROW_SOAK=1 $(GO) test -count=1 -timeout 10m -v -run 'TestPayoutCosts|TestResetLetsOthersIn' ./tests/budget
	cd interop && REFGROW_SOAK=1 $(GO) test -count=1 -timeout 30m -v -run 'TestLinearizable|TestManyWriters' .

crash: ## the server killed a thousand times under load, while it pays out, starts, backs up
	cd interop && REFGROW_CRASH=1 $(GO) test -count=1 -timeout 60m -v -run 'TestCrash|TestStoppedUnderLoad|TestKilledAtTheFirstStart|TestKilledWhileBackingUp' .

powercut: ## the power of a file system cut thirty times (Linux, root, a loop device, mkfs.ext4)
	cd interop && REFGROW_POWERCUT=1 $(GO) test -count=1 -timeout 20m -v -run TestPowerCut .

attack: ## hostile clients: every route, keys, limits, bodies, connections
	REFGROW_ATTACK=1 CGO_ENABLED=0 $(GO) test -count=1 -p 1 -timeout 20m -v -run '^TestAttack|^TestRefusedKeys|^TestHostile|^TestLong' ./tests/budget ./httpapi ./webhook ./cmd/refgrow

drivers: ## an app's own database with three SQLite drivers (one needs a C compiler)
	cd interop && CGO_ENABLED=1 REFGROW_INTEROP_LONG=1 $(GO) test -count=1 -timeout 60m -v ./drivers/...

release: ## archives of the command for six systems in dist/, for the tag of this commit or VERSION=0.1.0
	$(GO) run ./internal/release/make -version "$(VERSION)"

supply: ## all of a release built from scratch twice, the command installed from a proxy, and licences
	cd interop && REFGROW_INTEROP_LONG=1 $(GO) test -count=1 -timeout 60m -v ./supply

interop: ## other people's libraries for webhooks, and the server killed many times
	cd interop && REFGROW_INTEROP_LONG=1 $(GO) test -count=1 -timeout 30m -v .

postgres: ## the texts, schema and plans for PostgreSQL on a real server
	cd postgres && $(GO) test -modfile=dev.mod -count=1 -v ./...

openapi: ## other people's tools (node, npm) check docs/openapi.json, and a client made of it drives the command
	cd interop && $(GO) test -count=1 -run TestOpenAPI -v .

browser: ## a real browser (chromium, node, npm) visits examples/saas, examples/nextjs and a static site
	cd interop && REFGROW_BROWSER=1 $(GO) test -count=1 -run TestBrowser -v .

mutate: ## would the tests notice? MUTANTS (100) changes of the money's rules, drawn by SEED (1)
	CGO_ENABLED=0 $(GO) run -C internal/tools ./mutate -seed $(SEED) -n $(MUTANTS) -least 95

cross: ## builds for Linux, macOS and Windows on amd64 and arm64
	CROSS=all .ci/run cross

modules: ## tidy, few and matching dependencies
	.ci/run modules

ci: ## everything that CI does
	.ci/run
