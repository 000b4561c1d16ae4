package damage_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow/internal/shoptest"
)

// storedOnce returns the columns whose value follows from nothing else in the file, so
// that another value which the schema allows cannot be told from the right one, each
// with the reason. No sum, count or state is among them: those are stored twice.
func storedOnce() map[string]string {
	reasons := make(map[string]string)
	for reason, columns := range map[string]string{
		"what somebody has entered or sent: a name, an address, a code, a note": `
			projects.name affiliates.email affiliates.paypal_email affiliates.wise_account_id affiliates.wise_email
			affiliates.wise_name
			api_keys.name claims.code claims.email clicks.code clicks.url codes.code commission_rules.product
			conversions.coupon_code conversions.product conversions.reference conversions.referral_code
			conversions.url refunds.reference coupons.stripe_coupon_id coupons.lemonsqueezy_discount_code events.affiliate_code
			events.affiliate_email events.paypal_email events.wise_account_id events.wise_email events.referral_email
			events.user_agent ledger_entries.note payouts.external_reference payout_runs.made_by
			payouts.return_note referrals.email referrals.external_id external_ids.external_id webhooks.url`,
		"a setting: whatever was recorded keeps what it was priced by, and what its rule pays is checked": `
			projects.hold_days projects.coupon_first projects.minimum_payout projects.cookie_days projects.click_days
			affiliates.payouts_paused webhooks.payout_preferences
			commission_rules.rate commission_rules.amount commission_rules.duration_count commission_rules.ended_at
			commission_rules.affiliate_id commission_rules.project_id`,
		"whose something is, as long as no money has followed from it": `
			affiliate_days.project_id api_keys.project_id api_keys.read_only codes.affiliate_id codes.project_id
			conversions.referral_id coupons.affiliate_id deliveries.webhook_id events.affiliate_id events.project_id
			external_ids.referral_id refunds.conversion_id refunds.project_id
			refund_totals.conversion_id refund_totals.project_id
			idempotency.project_id referrals.affiliate_id webhooks.project_id`,
		"the sale: it can be edited without its commission, which is checked, as is what a refund took back": `
			conversions.base_value conversions.refunded conversions.reversed conversions.currency_given
			conversions.priced_base_value
			conversions.priced_before conversions.priced_first_at`,
		"when something happened, where it does not change what was available when, nor on which day it counts": `
			accounts.rolled_to address_keys.day affiliates.created_at api_keys.created_at claims.created_at
			clicks.created_at commission_rules.created_at coupons.created_at deletions.deleted_at
			deliveries.created_at deliveries.ended_at events.created_at idempotency.created_at
			ledger_entries.available_at ledger_entries.created_at migrations.applied_at payouts.canceled_at
			payouts.created_at payouts.cutoff payouts.paid_on payouts.returned_at
			payout_runs.created_at payout_runs.cutoff payout_runs.minimum payout_tasks.created_at projects.created_at
			project_totals.last_stamp referrals.conversion_date
			referrals.created_at refunds.created_at webhooks.created_at webhooks.former_until webhooks.last_success_at`,
		"an id that nothing refers to, or up to which is counted": `
			api_keys.id clicks.id coupons.id deletions.id deliveries.id external_ids.id idempotency.id ledger_entries.id
			payout_tasks.id
			migrations.version sqlite_sequence.seq`,
		"what was said once, and is no longer so": `
			events.data conversions.notes deletions.affiliate_id deletions.project_id deletions.totals idempotency.status
			stamp_resets.id stamp_resets.project_id stamp_resets.from_stamp stamp_resets.to_stamp
			stamp_resets.created_at stamp_resets.finished_at
			retired_codes.affiliate_id retired_codes.deleted_at retired_codes.project_id
			merged_referrals.referral_id merged_referrals.into_id merged_referrals.project_id
			deleted_conversions.conversion_id deleted_conversions.project_id deleted_conversions.referral_id
			refunds.amount refunds.taken refunds.undone_at refund_totals.amount refund_totals.told_at
			idempotency.body idempotency.made_id claims.repeated`,
		"how far the sending is": `
			deliveries.attempts deliveries.failures deliveries.leased_until deliveries.next_attempt_at
			deliveries.replayed deliveries.response_status outbox_positions.position webhooks.starts_after`,
		"how far the work with a key is": `
			payout_tasks.project_id payout_tasks.run_id payout_tasks.mark payout_tasks.done payout_tasks.refused`,
		"random, or made of what is": `
			address_keys.key api_keys.public_id api_keys.secret_check api_keys.secret_hash clicks.address
			idempotency.caller_hash idempotency.key_hash idempotency.request_hash payout_tasks.key_hash retired_codes.hash
			payout_tasks.request_hash webhooks.secret webhooks.former_secret`,
	} {
		for column := range strings.FieldsSeq(columns) {
			reasons[column] = reason
		}
	}
	return reasons
}

// cells is a row: its values by their columns.
type cells map[string]string

// cellsOf reads all rows of all of the engine's tables, bypassing the engine, by the
// table and the key.
func cellsOf(t *testing.T, path string) map[string]map[string]cells {
	t.Helper()
	app := shoptest.OpenApp(t, path, 2)
	tables := make(map[string]map[string]cells)
	keys := make(map[string][]string)
	const columns = `SELECT t.name, c.name, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' ORDER BY t.name, c.pk`
	each(t, app, columns, func(_ []string, row []any) {
		table := row[0].(string)
		if tables[table] == nil {
			tables[table] = make(map[string]cells)
		}
		if row[2].(int64) > 0 || table == "sqlite_sequence" && row[1] == "name" {
			keys[table] = append(keys[table], row[1].(string))
		}
	})
	for table := range tables {
		each(t, app, "SELECT * FROM "+table, func(columns []string, row []any) {
			values := make(cells, len(columns))
			for i, column := range columns {
				values[column] = fmt.Sprintf("%T %v", row[i], row[i])
			}
			var key []string
			for _, column := range keys[table] {
				key = append(key, values[column])
			}
			tables[table][strings.Join(key, ",")] = values
		})
	}
	return tables
}

// each calls for each row of a query.
func each(t *testing.T, app *sql.DB, query string, call func(columns []string, row []any)) {
	t.Helper()
	rows, err := app.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		call(columns, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// differences names the columns in which two files differ. A row with another key is
// one whose key is different.
func differences(before, after map[string]map[string]cells) (columns []string) {
	found := make(map[string]bool)
	for table, rows := range before {
		var gone, come []string
		for key, row := range rows {
			if now, ok := after[table][key]; ok {
				compareCells(found, table, row, now)
			} else {
				gone = append(gone, key)
			}
		}
		for key := range after[table] {
			if _, ok := rows[key]; !ok {
				come = append(come, key)
			}
		}
		slices.Sort(gone)
		slices.Sort(come)
		if len(gone) != len(come) {
			found[table+" has other rows"] = true
			continue
		}
		for i := range gone {
			compareCells(found, table, rows[gone[i]], after[table][come[i]])
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func compareCells(found map[string]bool, table string, before, after cells) {
	for column, value := range before {
		if after[column] != value {
			found[strings.TrimPrefix(table, "refgrow_")+"."+column] = true
		}
	}
}

// TestVerifyOfEveryCell is the other way to find what Verify does not see: each value
// of each row becomes another one, and where that is not named the column is one of
// storedOnce. None is listed there needlessly.
func TestVerifyOfEveryCell(t *testing.T) {
	t.Parallel()
	if os.Getenv("REFGROW_SOAK") == "" {
		t.Skip("thousands of copies of a file: set REFGROW_SOAK")
	}
	path := lively(t)
	var mu sync.Mutex
	unnamed := make(map[string]bool)
	t.Cleanup(func() { // after all of them
		listed := storedOnce()
		for column := range unnamed {
			if listed[column] == "" {
				t.Errorf("Verify does not name another %s", column)
			}
		}
		for column, reason := range listed {
			if !unnamed[column] {
				t.Errorf("Verify names every other %s, which is listed as %s", column, reason)
			}
		}
	})
	for table, rows := range cellsOf(t, path) {
		for _, row := range rows {
			for column := range row {
				t.Run(table+"."+column, func(t *testing.T) {
					t.Parallel()
					if otherCell(t, path, table, column, row) {
						mu.Lock()
						defer mu.Unlock()
						unnamed[strings.TrimPrefix(table, "refgrow_")+"."+column] = true
					}
				})
			}
		}
	}
}

// otherCell gives a cell other values, and reports whether there is one that Verify
// does not name.
func otherCell(t *testing.T, path, table, column string, row cells) (unnamed bool) {
	t.Helper()
	of, value, _ := strings.Cut(row[column], " ")
	var others []string
	switch of {
	case "int64":
		for _, step := range []int64{1, -1, 1 << 12, 3600_000, 100_000_000_000_000} {
			others = append(others, fmt.Sprintf("%s + %d", column, step))
		}
	case "string":
		others = append(others,
			fmt.Sprintf("substr(%[1]s, 1, length(%[1]s) / 2) || 'x' || substr(%[1]s, length(%[1]s) / 2 + 2)", column))
	case "[]uint8":
		others = append(others, fmt.Sprintf("CAST(substr(%[1]s, 1, length(%[1]s) - 1) || 'x' AS BLOB)", column))
	}
	var here []string
	for column, cell := range row {
		switch of, value, _ := strings.Cut(cell, " "); of {
		case "int64":
			here = append(here, column+" = "+value)
		case "string":
			here = append(here, column+" = '"+strings.ReplaceAll(value, "'", "''")+"'")
		}
	}
	for _, other := range others {
		p := copyOf(t, path)
		p.Clock.Set(lastOfLively)
		const guards = 4
		for _, guard := range []string{
			"TRIGGER refgrow_ledger_no_update", "INDEX refgrow_commission_rules_in_force",
			"INDEX refgrow_commission_rules_versions", "INDEX refgrow_payout_entries_reserved",
		}[:guards] {
			p.Exec("DROP " + guard)
		}
		changed, err := p.App.ExecContext(t.Context(),
			"UPDATE "+table+" SET "+column+" = "+other+" WHERE "+strings.Join(here, " AND ")+" AND "+column+" IS NOT "+other)
		if err != nil {
			continue // a constraint refuses it, and SQLite's own check would report it
		}
		if n, err := changed.RowsAffected(); err != nil || n > 1 {
			t.Fatalf("%d rows of %s were changed (%v)", n, table, err)
		} else if n == 0 {
			continue // it is the same
		}
		report, err := p.Engine.Verify(t.Context())
		p.OK(err)
		if len(report.Differences) == guards {
			unnamed = true
			t.Logf("%s of %s is not named where %s was", other, table, value)
		}
		p.App.Close()
	}
	return unnamed
}
