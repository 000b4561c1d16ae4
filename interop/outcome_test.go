package interop

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

// state says how far things have got.
func (tr *trouble) state() string {
	events, requests, hits := tr.receiver.summary()
	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d events have arrived with %d requests, %v; the endpoint is %s\n",
		events, tr.expected.count(), requests, hits, tr.status())
	for _, status := range []string{"pending", "failed"} {
		_, deliveries, _, err := tr.server.call(http.MethodGet,
			tr.webhook+"/deliveries?limit=10&status="+status, "", "")
		fmt.Fprintf(&text, "%s: %s %v\n", status, deliveries, err)
	}
	return text.String()
}

// compare checks that the first arrivals, conversion by conversion, are what was
// acknowledged.
func (tr *trouble) compare() {
	tr.t.Helper()
	accepted := tr.receiver.accepted()
	for conversion, want := range tr.expected.labels {
		if got := accepted[conversion]; !slices.Equal(got, want) {
			tr.t.Errorf("conversion %s: these events have arrived:\n%s\nand not:\n%s",
				conversion, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		delete(accepted, conversion)
	}
	for conversion, got := range accepted {
		tr.t.Errorf("conversion %s was never acknowledged, and these events have arrived: %v", conversion, got)
	}
	if failed := tr.count("failed"); failed > tr.revived { // the one that is answered with 410 has failed
		tr.t.Errorf("%d deliveries have failed\n%s", failed, tr.state())
	}
}

// verify checks the books.
func (tr *trouble) verify() {
	t, ctx := tr.t, tr.t.Context()
	t.Helper()
	tr.server.kill()
	database, err := sqlite.Open(ctx, tr.file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	engine, err := refgrow.New(ctx, database, refgrow.Config{Now: tr.now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	report, err := engine.Verify(ctx)
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("%v %+v", err, report)
	}
}
