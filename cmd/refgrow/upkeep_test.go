package main

import (
	"database/sql"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

// serve does the upkeep when it begins.
func TestServePrunesClicks(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--click-days", "1")
	p.addAffiliate("jane@example.com")
	p.inShop(func(shop *refgrow.Project) {
		jane, err := shop.AffiliateByEmail(t.Context(), "jane@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shop.RecordClicks(t.Context(), []refgrow.Click{{ReferralCode: jane.ReferralCode}}); err != nil {
			t.Fatal(err)
		}
	})
	const aged = "SELECT COUNT(*) FROM refgrow_clicks"
	p.tamper("UPDATE refgrow_clicks SET created_at = created_at - 2 * 86400000")
	if n := p.count(aged); n != 1 {
		t.Fatalf("%d clicks", n)
	}
	s := p.serve()
	for end := time.Now().Add(20 * time.Second); p.count(aged) != 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the click is still there: %s", s.log)
		}
	}
	s.end()
}

// count runs a query that counts.
func (p *commandLine) count(query string) (n int) {
	p.t.Helper()
	db, err := sqlite.Open(p.t.Context(), p.db, sqlite.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	if err := db.Tx(p.t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(p.t.Context(), query).Scan(&n)
	}); err != nil {
		p.t.Fatal(err)
	}
	return n
}
