package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/refgrow-go/refgrow/benchmarks/population"
)

// scale is how large the shops of a run are.
type scale struct {
	empty, small, large population.Size
	mixed               time.Duration // length of the load before memory is read
}

func scaleOf(affiliates, customers, small, large int, mixed time.Duration) scale {
	size := func(conversions int) population.Size {
		return population.Size{Affiliates: affiliates, Customers: customers, Conversions: conversions}
	}
	return scale{empty: size(0), small: size(small), large: size(large), mixed: mixed}
}

// atLeast is a goal for the rate, the only measure of which more is better.
func atLeast(bound float64) goal           { return goal{rate, true, bound} }
func atMost(m measure, bound float64) goal { return goal{m, false, bound} }

// month is longer than the hold.
const month = 31 * 24 * time.Hour

// rows are all comparisons.
func rows(s scale) []row {
	post := each(purchases(nil))
	create := ours("POST /conversions, FULL", "ours", s.empty, 0, post)
	plain := pocketBase("PocketBase, plain create, NORMAL", "plain", s.empty, each(plainPurchases))
	list := func(label string, shop population.Size, idle time.Duration, path string) subject {
		return ours(label, "ours", shop, idle, each(always(200, path)))
	}
	affiliates := list("GET /affiliates", s.large, 0, "/api/v1/affiliates")
	few := list("at few conversions", s.small, 0, "/api/v1/affiliates")
	first := list("the first page", s.large, 0, "/api/v1/conversions")
	return []row{
		{
			name: "create64", what: "POST /conversions, 64 clients, against PocketBase's plain create", clients: 64,
			ours: create, theirs: plain, goals: []goal{atLeast(2.5), atMost(p99, 0.35), atMost(cpu, 0.3)},
		}, {
			name: "equal64", what: "the same against PocketBase doing equal work", clients: 64,
			ours: create, theirs: pocketBase("PocketBase, equal work, NORMAL", "equal", s.empty, each(equalPurchases)),
			goals: []goal{atLeast(4)},
		}, {
			name: "create16", what: "POST /conversions, 16 clients, against PocketBase's plain create", clients: 16,
			ours: create, theirs: plain, goals: []goal{atLeast(2)},
		}, {
			name: "create64-unwatched", clients: 64,
			what: "POST /conversions in a shop whose webhook is switched off, as PocketBase writes no events either",
			ours: ours("POST /conversions, no webhook", "ours-unwatched", s.empty, 0, post), theirs: plain,
		}, {
			name: "floor", what: "POST /conversions against the bare floor", clients: 64,
			ours: create, theirs: ours("bare floor", "floor", s.empty, 0, post), goals: []goal{atLeast(0.8)},
		}, {
			name: "normal", what: "durable (FULL) against NORMAL", clients: 64,
			ours: create, theirs: ours("POST /conversions, NORMAL", "ours-normal", s.empty, 0, post),
			goals: []goal{atLeast(0.9)},
		}, {
			name: "single64", what: "group commit against one durable transaction per request", clients: 64,
			ours: create, theirs: ours("one transaction per request", "ours-single", s.empty, 0, post),
			goals: []goal{atLeast(3)},
		}, {
			name: "single1", what: "the same with one client", clients: 1,
			ours: create, theirs: ours("one transaction per request", "ours-single", s.empty, 0, post),
			goals: []goal{atMost(p50, 1.1)},
		}, {
			name: "million", what: "POST /conversions in a large shop against an empty one", clients: 64,
			ours: ours("many conversions", "ours", s.large, 0, post), theirs: create,
			goals: []goal{atLeast(0.6), atMost(p99, 3)},
			note: "the log is copied into the file whenever it reaches 4000 pages of 2 KiB (8 MiB), " +
				"the default of sqlite.Options",
		}, {
			name: "affiliates", what: "GET /affiliates, 20 hot ones, at many against few conversions", clients: 1, kept: true,
			ours: affiliates, theirs: few, goals: []goal{atMost(p50, 1.15)},
		}, {
			name: "affiliates-idle", what: "the same, at many after a month without writes", clients: 1, kept: true,
			ours:   list("GET /affiliates after a month", s.large, month, "/api/v1/affiliates"),
			theirs: few, goals: []goal{atMost(p50, 1.15)},
		}, {
			name: "cursor", what: "GET /conversions, any page by cursor against the first", clients: 1, kept: true,
			ours: ours("any page", "ours", s.large, 0, pages(0)), theirs: first, goals: []goal{atMost(p50, 1.2)},
		}, {
			name: "cursor-last", clients: 1, kept: true,
			what: "GET /conversions, the last hundredth of the pages against the first page",
			ours: ours("the last pages", "ours", s.large, 0, pages(99)), theirs: first, goals: []goal{atMost(p50, 1.2)},
		}, {
			name: "pb-affiliates", clients: 16, kept: true,
			what: "GET /affiliates against PocketBase's list of 20 with total and balances that its hooks maintain",
			ours: affiliates, theirs: pocketBase("PocketBase, expand=balances", "plain", s.large,
				each(always(200,
					"/api/collections/affiliates/records?page=1&perPage=20&sort=-created&expand=balances_via_affiliate"))),
			goals: []goal{atLeast(4)},
		}, {
			name: "pb-affiliates-view", clients: 4, kept: true,
			what: "GET /affiliates at few conversions against PocketBase's view collection that adds up",
			ours: few, theirs: pocketBase("PocketBase, view collection", "plain", s.small,
				each(always(200, "/api/collections/affiliates_with_totals/records?page=1&perPage=20&sort=-created"))),
			goals: []goal{atLeast(4)},
		}, {
			name: "pb-conversions", what: "GET /conversions against PocketBase's list of 50 with total", clients: 16, kept: true,
			ours: first, theirs: pocketBase("PocketBase, list", "plain", s.large,
				each(always(200, "/api/collections/conversions/records?page=1&perPage=50&sort=-created"))),
			goals: []goal{atLeast(10)},
		}, {
			name: "auth", what: "with a key against without, on a path that does not exist", clients: 16, kept: true,
			ours:   ours("with a key", "ours", s.empty, 0, each(always(404, "/api/v1/nothing"))),
			theirs: ours("without", "ours", s.empty, 0, each(always(404, "/open/nothing"))), goals: []goal{atLeast(0.9)},
		}, {
			name: "auth-project", what: "with a key against without, GET /project", clients: 16, kept: true,
			ours:   ours("with a key", "ours", s.empty, 0, each(always(200, "/api/v1/project"))),
			theirs: ours("without", "ours", s.empty, 0, each(always(200, "/open/project"))), goals: []goal{atLeast(0.9)},
		}, {
			name: "memory", what: "resident memory after a mixed load on many conversions, MiB", clients: 64, length: s.mixed,
			ours: ours("creates, lists, retrieves", "ours", s.large, 0, each(mixed)), goals: []goal{atMost(rss, 80)},
		}, {
			name: "startup", what: "start to the first answer of /healthz, at many against no conversions", clients: 1,
			ours: startingUp("refgrow serve, many", s.large), theirs: startingUp("refgrow serve, none", s.empty),
			goals: []goal{atMost(p50, 1.5)},
		}, {
			name: "in-process64", what: "RecordConversion, 64 goroutines, against the same over HTTP", clients: 64,
			ours: inProcess("RecordConversion", "in-process", s.empty), theirs: create, goals: []goal{atMost(cpu, 0.8)},
		}, {
			name: "in-process1", what: "the same with one caller", clients: 1,
			ours: inProcess("RecordConversion", "in-process", s.empty), theirs: create, goals: []goal{atMost(p50, 1)},
		}, {
			name: "idempotency", what: "POST /conversions with an Idempotency-Key against without", clients: 64,
			ours: ours("with an Idempotency-Key", "ours", s.empty, 0, each(purchases(func(reference string) string {
				return "Idempotency-Key: " + reference + "\r\n"
			}))),
			theirs: create, goals: []goal{atLeast(0.85)},
		}, {
			name: "insert-in-process", what: "RecordConversion against one plain prepared insert, in process", clients: 64,
			ours:   inProcess("RecordConversion", "in-process", s.empty),
			theirs: inProcess("plain insert, FULL", "in-process-plain", s.empty),
		}, {
			name: "insert-http", what: "POST /conversions against one plain prepared insert over HTTP", clients: 64,
			ours: create, theirs: ours("plain insert, FULL", "plain", s.empty, 0, post),
		},
	}
}

// pages requests pages of the list of conversions by their cursors, in random order,
// without those in the first skip hundredths of the list.
func pages(skip int) workload {
	return func(ctx context.Context, to addressee, clients int) ([]source, error) {
		cursors, err := cursors(ctx, to.ready)
		if err != nil {
			return nil, err
		}
		cursors = cursors[len(cursors)*skip/100:]
		return each(func(to addressee) source {
			r := rand.New(rand.NewPCG(to.world.Seed, uint64(9000+to.client)))
			return func(b []byte) ([]byte, expected) {
				path := "/api/v1/conversions?cursor=" + cursors[r.IntN(len(cursors))]
				return appendRequest(b, "GET", path, to.Token, ""), expected{status: 200}
			}
		})(ctx, to, clients)
	}
}

// cursors reads the whole list of conversions and returns every cursor that it meets.
func cursors(ctx context.Context, at ready) ([]string, error) {
	var all []string
	for path := "/api/v1/conversions?limit=500"; ; {
		body, err := get(ctx, at.Addr, at.Token, path)
		if err != nil {
			return nil, err
		}
		var page struct {
			Pagination struct {
				Next string `json:"next_cursor"`
			} `json:"pagination"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		if page.Pagination.Next == "" {
			return all, nil
		}
		next := url.QueryEscape(page.Pagination.Next)
		all = append(all, next)
		path = "/api/v1/conversions?limit=500&cursor=" + next
	}
}
