package budget_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/sqlite"
	"github.com/refgrow-go/refgrow/money"
)

type seam = backend.Backend

// A countingBackend notes the statements of each operation, but not what a batch
// of operations shares: its settings and its totals.
type countingBackend struct {
	seam
	db         *sql.DB
	memo       map[any]any
	statements []string
}

func (b *countingBackend) Backend() backend.Backend { return b }

func (b *countingBackend) Atomic(ctx context.Context, work backend.Work) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	operation := &backend.Tx{Querier: db.New(counter{tx, b}), Memo: b.memo}
	b.statements = nil
	if err := work.Run(ctx, operation); err != nil {
		return err
	}
	if err := operation.Take().Write(ctx, db.New(tx)); err != nil {
		return err
	}
	return tx.Commit()
}

type counter struct {
	db.DBTX
	b *countingBackend
}

func (c counter) note(query string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(query, "-- name: "), " ")
	c.b.statements = append(c.b.statements, name)
}

func (c counter) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	c.note(query)
	return c.DBTX.ExecContext(ctx, query, args...)
}

func (c counter) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	c.note(query)
	return c.DBTX.QueryContext(ctx, query, args...)
}

func (c counter) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	c.note(query)
	return c.DBTX.QueryRowContext(ctx, query, args...)
}

// The number of statements is what a conversion costs, next to the pages it makes
// dirty.
func TestRecordConversionKeepsItsBudgetOfStatements(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	database, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "budget.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	counting := &countingBackend{seam: sqlite.New(database), db: database, memo: make(map[any]any)}
	engine, err := refgrow.New(ctx, counting, refgrow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE",
	}); err != nil {
		t.Fatal(err)
	}
	base := money.MustParse("49.00 USD")
	if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Signup, ReferralCode: "JANE", Customer: refgrow.Customer{ExternalID: "u_2", Email: "dora@example.com"},
	}); err != nil {
		t.Fatal(err)
	}
	clear(counting.memo)
	claimed, overridden, watched := false, false, false
	for _, test := range []struct {
		name   string
		params refgrow.RecordConversionParams
		want   string
	}{
		{
			"warm up", refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: base},
			"GetProject GetProjectTotals ListProjectRulesInForce InsertConversion",
		},
		{
			"a new customer, known by all names, who came by a code",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, ReferralCode: "JANE", Reference: "in_1", BaseValue: base,
				Customer: refgrow.Customer{ExternalID: "u_1", Email: "carl@example.com"},
			},
			"FindCustomers FindAffiliateByCode InsertReferral InsertConversion InsertEntry PostToAccount",
		},
		{
			"a known customer",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, Reference: "in_2", BaseValue: base,
				Customer: refgrow.Customer{ExternalID: "u_1", Email: "carl@example.com"},
			},
			"FindCustomers InsertConversion InsertEntry PostToAccount",
		},
		{
			"an affiliate's id",
			refgrow.RecordConversionParams{Type: refgrow.Purchase, Reference: "in_3", BaseValue: base, AffiliateID: 1},
			"FindAffiliate InsertConversion InsertEntry PostToAccount",
		},
		{
			"a customer who signed up before, and buys",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, Reference: "in_4", BaseValue: base,
				Customer: refgrow.Customer{ExternalID: "u_2", Email: "dora@example.com"},
			},
			"FindCustomers UpdateReferral InsertConversion InsertEntry PostToAccount",
		},
		{
			"with claims on file: a new customer, who has none and came by a code",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, ReferralCode: "JANE", BaseValue: base,
				Customer: refgrow.Customer{ExternalID: "u_5", Email: "gus@example.com"},
			},
			"FindCustomers FindClaim FindAffiliateByCode InsertReferral InsertConversion InsertEntry PostToAccount",
		},
		{
			"with claims on file: a new customer without an email",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, ReferralCode: "JANE", BaseValue: base, Customer: refgrow.Customer{ExternalID: "u_6"},
			},
			"FindReferralByExternalID FindAffiliateByCode InsertReferral InsertConversion InsertEntry PostToAccount",
		},
		{
			"with claims on file: a known customer",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, BaseValue: base, Customer: refgrow.Customer{ExternalID: "u_5"},
			},
			"FindReferralByExternalID InsertConversion InsertEntry PostToAccount",
		},
		{
			"with claims on file: a new customer who has one",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, BaseValue: base, Customer: refgrow.Customer{Email: "fay@example.com"},
			},
			"FindReferralByEmail FindClaim FindAffiliateByCode InsertReferral InsertConversion DeleteClaim " +
				"InsertEntry PostToAccount",
		},
		{
			"without claims again: a new customer",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, BaseValue: base, Customer: refgrow.Customer{Email: "hal@example.com"},
			},
			"FindReferralByEmail InsertReferral InsertConversion",
		},
		{
			"with overrides and months: a new customer, known by all names, who came by a code",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, ReferralCode: "JANE", Reference: "in_5", BaseValue: base, Product: "pro",
				Customer: refgrow.Customer{ExternalID: "u_3", Email: "eve@example.com"},
			},
			"FindCustomers FindAffiliateByCode ListRulesAt InsertReferral InsertConversion InsertEntry PostToAccount",
		},
		{
			"with overrides and months: a known customer",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, Reference: "in_6", BaseValue: base, Product: "pro",
				Customer: refgrow.Customer{ExternalID: "u_1"},
			},
			"FindReferralByExternalID ListRulesAt FirstPurchase InsertConversion InsertEntry PostToAccount",
		},
		{
			"with two endpoints: nobody's purchase",
			refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: base},
			"InsertConversion InsertEvent",
		},
		{
			"with two endpoints: a known customer",
			refgrow.RecordConversionParams{
				Type: refgrow.Purchase, Reference: "in_7", BaseValue: base, Product: "pro",
				Customer: refgrow.Customer{ExternalID: "u_1"},
			},
			"FindReferralByExternalID ListRulesAt FirstPurchase InsertConversion InsertEntry PostToAccount InsertEvent",
		},
		{
			"with two endpoints: a signup of a new customer",
			refgrow.RecordConversionParams{
				Type: refgrow.Signup, ReferralCode: "JANE", Customer: refgrow.Customer{ExternalID: "u_4"},
			},
			"FindReferralByExternalID FindAffiliateByCode InsertReferral InsertConversion PostToAccount InsertEvent",
		},
	} {
		if strings.HasPrefix(test.name, "with claims") && !claimed {
			claimed = true
			if err := shop.ClaimSignup(ctx, "fay@example.com", "JANE"); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(test.name, "with overrides") && !overridden {
			overridden = true
			if _, err := shop.CreateRule(ctx, refgrow.CreateRuleParams{
				Product: "pro", Commission: refgrow.Percent("30"), Duration: refgrow.Months(12),
			}); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(test.name, "with two endpoints") && !watched {
			watched = true
			for range 2 {
				if _, err := shop.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := shop.RecordConversion(ctx, test.params); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := strings.Join(counting.statements, " "); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
	if report, err := engine.Verify(ctx); err != nil || len(report.Differences) != 0 {
		t.Errorf("verify: %v, %v", report.Differences, err)
	}
}
