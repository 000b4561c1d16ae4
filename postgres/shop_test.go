package postgres_test

import (
	"database/sql"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/postgres/internal/server"
	"github.com/refgrow-go/refgrow/refgrowtest/anydriver"
)

// drivers are what an app may have opened its database with.
func drivers() []string { return []string{"pgx", "postgres"} }

// A shop is a project on a database of its own, with an affiliate JANE, who earns 20 %.
type shop struct {
	*refgrow.Project
	engine *refgrow.Engine
	clock  *anydriver.Clock
	db     *sql.DB
	schema string
	driver string
}

func newShop(t *testing.T, driver string, options ...refgrow.PostgresOption) *shop {
	t.Helper()
	db, schema := server.Get(t).Open(t, driver)
	s := &shop{db: db, schema: schema, driver: driver}
	s.engine, s.clock = anydriver.On(t, refgrow.Postgres(db, options...))
	s.Project = projectOf(t, s.engine, "shop")
	return s
}

func projectOf(t *testing.T, engine *refgrow.Engine, name string) *refgrow.Project {
	t.Helper()
	p, err := engine.EnsureProject(t.Context(), name, refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE",
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

// sale is one of 49.00 USD through JANE.
func sale(reference string) refgrow.RecordConversionParams {
	return refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: "JANE", Reference: reference, BaseValue: money.MustParse("49.00 USD"),
	}
}

// exec runs a statement of the app.
func (s *shop) exec(t *testing.T, query string) {
	t.Helper()
	if _, err := s.db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// begin begins a transaction of the app, which the test ends if nothing else does.
func (s *shop) begin(t *testing.T, options *sql.TxOptions) *sql.Tx {
	t.Helper()
	tx, err := s.db.BeginTx(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// sales counts the sales, after checking everything that is stored twice.
func (s *shop) sales(t *testing.T) int64 {
	t.Helper()
	sound(t, s.engine)
	n, err := s.CountConversions(t.Context(), refgrow.ListConversionsParams{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func sound(t *testing.T, engine *refgrow.Engine) {
	t.Helper()
	report, err := engine.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Differences {
		t.Errorf("Verify: %v", d)
	}
}
