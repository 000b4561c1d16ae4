GO      ?= go
TOOL     = CGO_ENABLED=0 $(GO) tool -modfile=internal/tools/go.mod
FUZZTIME ?= 60s

.PHONY: help test race lint generate check-generated bench bench-full fuzz soak interop browser cross modules ci

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

test: ## all tests, without cgo
	CGO_ENABLED=0 $(GO) test ./...

race: ## all tests under the race detector (needs a C compiler)
	.ci/run race

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

soak: ## the property test of the books: 20 seeds, 10,000 operations each
	REFGROW_SOAK=1 $(GO) test -run TestBooks -timeout 180m -v .

interop: ## other people's libraries for webhooks, and the server killed many times
	cd interop && REFGROW_INTEROP_LONG=1 $(GO) test -count=1 -timeout 30m -v .

browser: ## a real browser (chromium, node, npm) visits examples/saas and a static site
	cd interop && REFGROW_BROWSER=1 $(GO) test -count=1 -run TestBrowser -v .

cross: ## builds for Linux, macOS and Windows on amd64 and arm64
	.ci/run cross

modules: ## tidy, few and matching dependencies
	.ci/run modules

ci: ## everything that CI does
	.ci/run
