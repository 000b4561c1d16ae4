GO      ?= go
TOOL     = CGO_ENABLED=0 $(GO) tool -modfile=internal/tools/go.mod
FUZZTIME ?= 60s

.PHONY: help test race lint generate check-generated bench bench-full fuzz soak crash powercut attack drivers supply interop browser cross modules ci

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

test: ## all tests, without cgo
	CGO_ENABLED=0 $(GO) test ./...

race: ## all tests under the race detector (needs a C compiler)
	RACE=all .ci/run race

lint: ## formatting, imports between rooms, common mistakes
	.ci/run lint

generate: ## internal/db from schema.sql and queries/
	$(TOOL) sqlc generate

check-generated: ## is internal/db what sqlc would generate, and are the queries sound?
	.ci/run generated

bench: ## the benchmarks against PocketBase and simpler forms of the engine, in minutes
	cd benchmarks && $(GO) run . -quick

bench-full: ## the same at a million conversions, with benchmarks/RESULTS.md written anew
	cd benchmarks && $(GO) run . -full -write RESULTS.md

fuzz: ## every fuzz target for FUZZTIME (60s)
	FUZZTIME=$(FUZZTIME) .ci/run fuzz

soak: ## long: the books at random, many writers, closing under load, flipped bytes, backups
	REFGROW_SOAK=1 $(GO) test -count=1 -timeout 240m -v -run 'TestBooks|TestCloseUnderLoad|TestNothingLeft|TestFlippedBytes|TestVerifyOfEveryCell|TestBackups|TestDiskFull|TestSmallDisk|TestFileSizeLimit' .
	REFGROW_SOAK=1 $(GO) test -count=1 -timeout 60m -v -run 'TestLockedByAnotherProcess|TestFullDisk' ./httpapi
	cd interop && REFGROW_SOAK=1 $(GO) test -count=1 -timeout 30m -v -run 'TestLinearizable|TestManyWriters' .

crash: ## the program killed a thousand times under load, in its first start and in its backups
	cd interop && REFGROW_CRASH=1 $(GO) test -count=1 -timeout 40m -v -run 'TestCrash|TestStoppedUnderLoad|TestKilledAtTheFirstStart|TestKilledWhileBackingUp' .

powercut: ## the power of a file system cut thirty times (Linux, root, a loop device, mkfs.ext4)
	cd interop && REFGROW_POWERCUT=1 $(GO) test -count=1 -timeout 20m -v -run TestPowerCut .

attack: ## hostile clients: every route, keys, limits, bodies, connections
	REFGROW_ATTACK=1 CGO_ENABLED=0 $(GO) test -count=1 -p 1 -timeout 20m -v -run '^TestAttack|^TestRefusedKeys|^TestHostile' . ./httpapi ./webhook ./cmd/refgrow

drivers: ## an app's own database with three drivers of SQLite (a C compiler for one of them)
	cd interop && CGO_ENABLED=1 REFGROW_INTEROP_LONG=1 $(GO) test -count=1 -timeout 60m -v ./drivers/...

supply: ## the program built from scratch twice, installed from a proxy, and its licences
	cd interop && REFGROW_INTEROP_LONG=1 $(GO) test -count=1 -timeout 30m -v ./supply

interop: ## other people's libraries for webhooks, and the server killed many times
	cd interop && REFGROW_INTEROP_LONG=1 $(GO) test -count=1 -timeout 30m -v .

browser: ## a real browser (chromium, node, npm) visits examples/saas and a static site
	cd interop && REFGROW_BROWSER=1 $(GO) test -count=1 -run TestBrowser -v .

cross: ## builds for Linux, macOS and Windows on amd64 and arm64
	CROSS=all .ci/run cross

modules: ## tidy, few and matching dependencies
	.ci/run modules

ci: ## everything that CI does
	.ci/run
