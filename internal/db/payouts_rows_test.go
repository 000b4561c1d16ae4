package db_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
)

func newestRunFirst(a, b db.PayoutRun) int {
	return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID))
}

func (l *ledgers) looksAtRuns(project int64) {
	l.Helper()
	of := func(r *db.PayoutRun) bool { return r.ProjectID == project }
	n, err := l.q.CountPayoutRuns(l.Context(), project)
	same(l, "how many runs", n, err, int64(len(picked(l.runs, of, newestRunFirst))))
	for _, at := range [][2]int64{{9, 9}, {5, 4}, {5, 1}, {4, 2}} {
		for _, page := range [][2]int64{{0, 9}, {0, 2}, {1, 2}} {
			got, err := l.q.ListPayoutRuns(l.Context(), db.ListPayoutRunsParams{
				ProjectID: project, BeforeTime: at[0], BeforeID: at[1], Offset: page[0], Limit: page[1],
			})
			a := question{time: at[0], id: at[1]}
			same(l, fmt.Sprint("the runs before ", at), got, err, cut(picked(l.runs, func(r *db.PayoutRun) bool {
				return of(r) && a.before(r.CreatedAt, r.ID)
			}, newestRunFirst), page[0], page[1]))
		}
	}
}

func newestEntryFirst(a, b db.LedgerEntry) int { return cmp.Compare(b.ID, a.ID) }

func oldestEntryFirst(a, b db.LedgerEntry) int { return cmp.Compare(a.ID, b.ID) }

func (l *ledgers) looksAtEntries(project int64) {
	l.Helper()
	ofProject := func(e *db.LedgerEntry) bool { return e.ProjectID == project }
	for about := int64(1); about <= 4; about++ {
		ofAffiliate := func(e *db.LedgerEntry) bool { return e.AffiliateID == about && ownerOf(about) == project }
		ofPayout := func(e *db.LedgerEntry) bool {
			return slices.ContainsFunc(l.taken, func(t taking) bool { return t.entry == e.ID && t.payout == about })
		}
		for _, before := range []int64{99, 20, 21, 22} {
			for _, page := range [][2]int64{{0, 90}, {0, 3}, {1, 2}} {
				listed := func(what string, got []db.LedgerEntry, err error, of func(*db.LedgerEntry) bool) {
					l.Helper()
					slices.SortFunc(got, oldestEntryFirst)
					want := cut(picked(l.entries, func(e *db.LedgerEntry) bool {
						return of(e) && e.ID < before
					}, newestEntryFirst), page[0], page[1])
					same(l, fmt.Sprint(what, about, " before ", before, page), got, err, picked(want, ofProject, oldestEntryFirst))
				}
				got, err := l.q.ListEntriesOfAffiliate(l.Context(), db.ListEntriesOfAffiliateParams{
					ProjectID: project, AffiliateID: about, BeforeID: before, Offset: page[0], Limit: page[1],
				})
				listed("the entries of affiliate ", got, err, ofAffiliate)
				got, err = l.q.ListPayoutEntries(l.Context(), db.ListPayoutEntriesParams{
					ProjectID: project, PayoutID: about, BeforeID: before, Offset: page[0], Limit: page[1],
				})
				listed("the entries of payout ", got, err, ofPayout)
			}
		}
		n, err := l.q.CountEntriesOfAffiliate(l.Context(), db.CountEntriesOfAffiliateParams{
			AffiliateID: about, ProjectID: project,
		})
		same(l, "how many entries", n, err, int64(len(picked(l.entries, ofAffiliate, oldestEntryFirst))))
		got, err := l.q.ListEntriesOfConversion(l.Context(), db.ListEntriesOfConversionParams{
			ConversionID: about, ProjectID: project,
		})
		same(l, "the entries of a conversion", got, err, picked(l.entries, func(e *db.LedgerEntry) bool {
			return ofProject(e) && e.ConversionID != nil && *e.ConversionID == about
		}, oldestEntryFirst))
	}
}

// looksAtPayees asks whom runs look at, and what a file of payments has.
func (l *ledgers) looksAtPayees(project int64) {
	l.Helper()
	for _, currency := range []string{"EUR", "USD", "JPY"} {
		for after := range int64(4) {
			want := []int64{}
			for id := after + 1; id <= 4; id++ {
				if ownerOf(id) == project && (currency == "EUR" || currency == "USD" && id/2%2 == 0) {
					want = append(want, id)
				}
			}
			for _, limit := range []int64{9, 1} {
				got, err := l.q.ListAffiliatesWithAccount(l.Context(), db.ListAffiliatesWithAccountParams{
					ProjectID: project, Currency: currency, AfterID: after, Limit: limit,
				})
				same(l, fmt.Sprint("who has an account in ", currency, " after ", after), got, err, cut(want, 0, limit))
			}
		}
		for _, after := range []int64{0, 3, 4, 5, 36} {
			for _, limit := range []int64{90, 2} {
				want := []db.ListPendingPayoutsRow{}
				for _, p := range l.payouts {
					if p.ProjectID == project && p.Currency == currency && p.Status == "pending" && p.ID > after {
						want = append(want, db.ListPendingPayoutsRow{
							ID: p.ID, Currency: p.Currency, Amount: p.Amount, PaypalEmail: new(fmt.Sprint("pay", p.AffiliateID)),
						})
					}
				}
				got, err := l.q.ListPendingPayouts(l.Context(), db.ListPendingPayoutsParams{
					ProjectID: project, Currency: currency, AfterID: after, Limit: limit,
				})
				same(l, fmt.Sprint("the pending ones in ", currency, " after ", after), got, err, cut(want, 0, limit))
			}
		}
	}
	for list, ids := range map[string][]int64{"[3, 2, 1, 4]": {1, 2, 3}, "[2]": {2}, "[]": nil} {
		want := []db.ListAffiliatesForPayoutsRow{}
		for _, id := range ids {
			if ownerOf(id) == project {
				row := db.ListAffiliatesForPayoutsRow{ID: id, PaypalEmail: new(fmt.Sprint("pay", id))}
				if id == 2 {
					row.PayoutsPaused = 1
				}
				want = append(want, row)
			}
		}
		got, err := l.q.ListAffiliatesForPayouts(l.Context(), db.ListAffiliatesForPayoutsParams{
			AffiliateIDs: list, ProjectID: project,
		})
		same(l, "the affiliates of "+list, got, err, want)
	}
}

// cells are the cells of a table, by the id of the row and the name of the column.
func (l *ledgers) cells(table string) map[string]string {
	l.Helper()
	rows, err := l.on.QueryContext(l.Context(), "SELECT * FROM "+table)
	if err != nil {
		l.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		l.Fatal(err)
	}
	all := make(map[string]string)
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			l.Fatal(err)
		}
		for i, value := range values {
			all[fmt.Sprint(values[0], " ", names[i])] = fmt.Sprint(value)
		}
	}
	if err := rows.Err(); err != nil {
		l.Fatal(err)
	}
	return all
}

// TestQueriesThatChangePayouts looks at each table as a whole: one row is changed, of
// the program, and only from the state in which it may be.
func TestQueriesThatChangePayouts(t *testing.T) {
	t.Parallel()
	l, ctx := newLedgers(t), t.Context()
	type change func(id, project int64) error
	more := func(id, project int64) error {
		return l.q.AddToPayoutRun(ctx, db.AddToPayoutRunParams{Payouts: 2, Total: 30, RunID: id, ProjectID: project})
	}
	pay := func(id, project int64) error {
		return l.q.EndPayout(ctx, db.EndPayoutParams{
			Status: "paid", ExternalReference: new("wire"), PaidAt: new(int64(7)), PaidOn: new(int64(6)),
			PayoutID: id, ProjectID: project,
		})
	}
	giveBack := func(id, project int64) error {
		return l.q.ReturnPayout(ctx, db.ReturnPayoutParams{
			ReturnedAt: new(int64(8)), ReturnNote: new("unclaimed"), PayoutID: id, ProjectID: project,
		})
	}
	move := func(to int64) change {
		return func(id, project int64) error {
			n, err := l.q.MovePayoutTask(ctx, db.MovePayoutTaskParams{
				Mark: to, Refused: "[5]", TaskID: id, ProjectID: project,
			})
			if moved := id == 3 && project == 1 && to > 4; err == nil && moved != (n == 1) {
				t.Errorf("task %d of program %d was moved to %d: %d rows", id, project, to, n)
			}
			return err
		}
	}
	end := func(id, project int64) error {
		return l.q.EndPayoutTask(ctx, db.EndPayoutTaskParams{TaskID: id, ProjectID: project})
	}
	begin := func(_, project int64) error {
		_, err := l.q.InsertPayoutTask(ctx, db.InsertPayoutTaskParams{
			ProjectID: project, KeyHash: []byte{1}, RequestHash: []byte{2}, RunID: new(int64(3)), CreatedAt: 9,
		})
		return err
	}
	const paid = "external_reference=wire, paid_at=7, paid_on=6, status=paid"
	const returned = "return_note=unclaimed, returned_at=8, status=returned"
	for what, c := range map[string]struct {
		table       string
		change      change
		id, project int64
		want        string // what changed in the row
	}{
		"a run has more":             {"refgrow_payout_runs", more, 5, 1, "payouts=5, total=100"},
		"a run of another program":   {"refgrow_payout_runs", more, 5, 2, ""},
		"a pending one is paid":      {"refgrow_payouts", pay, 2, 1, paid},
		"a paid one is paid":         {"refgrow_payouts", pay, 6, 1, ""},
		"paid in another program":    {"refgrow_payouts", pay, 2, 2, ""},
		"a paid one comes back":      {"refgrow_payouts", giveBack, 6, 1, returned},
		"a pending one comes back":   {"refgrow_payouts", giveBack, 2, 1, ""},
		"back in another program":    {"refgrow_payouts", giveBack, 6, 2, ""},
		"a task moves on":            {"refgrow_payout_tasks", move(5), 3, 1, "mark=5, refused=[5]"},
		"a task does not stay":       {"refgrow_payout_tasks", move(4), 3, 1, ""},
		"a task that is done":        {"refgrow_payout_tasks", move(5), 4, 1, ""},
		"a task of another program":  {"refgrow_payout_tasks", move(5), 3, 2, ""},
		"a task ends":                {"refgrow_payout_tasks", end, 3, 1, "done=1"},
		"it does not end in another": {"refgrow_payout_tasks", end, 3, 2, ""},
		"a task begins at nothing": {"refgrow_payout_tasks", begin, 5, 1, "created_at=9, done=0, id=5, key_hash=[1], " +
			"mark=0, project_id=1, refused=[], request_hash=[2], run_id=3"},
	} {
		before := l.cells(c.table)
		l.exec("SAVEPOINT before")
		if err := c.change(c.id, c.project); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		var got, want []string
		for cell, value := range l.cells(c.table) {
			if before[cell] != value {
				got = append(got, cell+"="+value)
			}
		}
		slices.Sort(got)
		for cell := range strings.SplitSeq(c.want, ", ") {
			if cell != "" {
				want = append(want, fmt.Sprint(c.id, " ", cell))
			}
		}
		same(t, what, got, nil, want)
		l.exec("ROLLBACK TO before")
		l.exec("RELEASE before")
	}
}
