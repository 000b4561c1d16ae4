package db_test

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
)

// ledgers are payouts of two programs, with runs, tasks and entries: in each status,
// with and without a run, many of them at one instant, and their ids in another order
// than their instants. Some rows are at odds with one another about the program that
// they belong to, because each query has to be right by its own words.
type ledgers struct {
	*testing.T

	on *sql.DB
	q  *db.Queries

	payouts []db.Payout
	runs    []db.PayoutRun
	tasks   []db.PayoutTask
	entries []db.LedgerEntry
	taken   []taking
}

// ownerOf are the programs of the affiliates 1 to 4, of which the last one is deleted.
func ownerOf(affiliate int64) int64 { return map[int64]int64{1: 1, 2: 1, 3: 2, 4: 1}[affiliate] }

func (l *ledgers) exec(text string, args ...any) {
	l.Helper()
	if _, err := l.on.ExecContext(l.Context(), text, args...); err != nil {
		l.Fatalf("%s: %v", text, err)
	}
}

func newLedgers(t *testing.T) *ledgers {
	t.Helper()
	pool, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	pool.SetMaxOpenConns(1)
	l := &ledgers{T: t, on: pool, q: db.New(pool)}
	schema, err := os.ReadFile("../../schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	l.exec(string(schema))
	for id := int64(1); id <= 2; id++ {
		l.exec(`INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
			VALUES (?1, 'p' || ?1, 'USD', 0, 0, 'refuse', 0)`, id)
	}
	for id := int64(1); id <= 4; id++ {
		l.exec(`INSERT INTO refgrow_affiliates (id, project_id, email, referral_code, status, created_at, deleted_at,
			paypal_email, payouts_paused) VALUES (?1, ?2, 'a' || ?1, 'c' || ?1, 'active', 0, ?3, 'pay' || ?1, ?1 = 2)`,
			id, ownerOf(id), map[bool]any{true: 1}[id == 4])
		for i, currency := range []string{"EUR", "USD", "JPY"}[:2-id/2%2] {
			l.exec(`INSERT INTO refgrow_accounts (affiliate_id, currency, project_id, total, paid, eligible, rolled_to,
				next_release_at, signups, purchases) VALUES (?, ?, ?, 0, 0, 0, 0, ?, 0, 0)`,
				id, currency, ownerOf(id), map[bool]any{true: id + int64(i)}[i == 0])
		}
	}
	l.runs = []db.PayoutRun{
		{ProjectID: 1, CreatedAt: 5}, {ProjectID: 1, CreatedAt: 4, MadeBy: new("me")}, {ProjectID: 2, CreatedAt: 5},
		{ProjectID: 1, CreatedAt: 5}, {ProjectID: 1, CreatedAt: 5, Payouts: 3, Total: 70},
	}
	for i := range l.runs {
		r := &l.runs[i]
		r.ID, r.Currency, r.Cutoff, r.Minimum = int64(i+1), "USD", 1, 2
		l.exec(`INSERT INTO refgrow_payout_runs (project_id, created_at, made_by, cutoff, currency, minimum, payouts, total)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ProjectID, r.CreatedAt, r.MadeBy, r.Cutoff, r.Currency, r.Minimum, r.Payouts, r.Total)
	}
	l.tasks = []db.PayoutTask{
		{ProjectID: 1, KeyHash: []byte("a")}, {ProjectID: 2, KeyHash: []byte("b"), Mark: 2},
		{ProjectID: 1, KeyHash: []byte("c"), Mark: 4}, {ProjectID: 1, KeyHash: []byte("d"), Mark: 4, Done: 1},
	}
	for i := range l.tasks {
		k := &l.tasks[i]
		k.ID, k.RequestHash, k.Refused = int64(i+1), []byte("r"), "[]"
		l.exec(`INSERT INTO refgrow_payout_tasks (project_id, key_hash, request_hash, mark, done, refused, created_at)
			VALUES (?, ?, ?, ?, ?, ?, 0)`, k.ProjectID, k.KeyHash, k.RequestHash, k.Mark, k.Done, k.Refused)
	}
	l.writePayouts()
	return l
}

func (l *ledgers) writePayouts() {
	l.Helper()
	statuses := []string{"pending", "paid", "canceled", "returned"}
	for i := range int64(64) {
		p := db.Payout{
			ID: i + 1, AffiliateID: 1 + i%4, Status: statuses[i/4%4], CreatedAt: 1 + i*7%5, Amount: i + 1, EntryCount: 1,
			Currency: []string{"USD", "EUR", "USD"}[i%3],
		}
		p.ProjectID = ownerOf(p.AffiliateID)
		if run := i / 16; run != 0 {
			p.RunID = &run // of any program
		}
		if i%11 == 10 {
			p.ProjectID = 3 - p.ProjectID
		}
		l.payouts = append(l.payouts, p)
		l.exec(`INSERT INTO refgrow_payouts (id, project_id, affiliate_id, currency, amount, entry_count, cutoff, status,
			created_at, run_id) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?)`,
			p.ID, p.ProjectID, p.AffiliateID, p.Currency, p.Amount, p.EntryCount, p.Status, p.CreatedAt, p.RunID)
	}
	for i := range int64(40) {
		e := db.LedgerEntry{
			ID: i + 1, AffiliateID: 1 + i%3, Kind: "commission", Currency: "USD", Amount: i + 1,
		}
		e.ProjectID = ownerOf(e.AffiliateID)
		if i%7 == 6 {
			e.ProjectID = 3 - e.ProjectID
		}
		if c := i % 4; c != 0 {
			e.ConversionID = &c
		}
		l.entries = append(l.entries, e)
		l.exec(`INSERT INTO refgrow_ledger_entries (id, project_id, affiliate_id, currency, kind, amount, available_at,
			created_at, conversion_id) VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?)`,
			e.ID, e.ProjectID, e.AffiliateID, e.Currency, e.Kind, e.Amount, e.ConversionID)
		if i%5 != 0 {
			taken := taking{entry: e.ID, payout: 1 + i%2, reserved: i % 3 % 2}
			l.taken = append(l.taken, taken)
			l.exec("INSERT INTO refgrow_payout_entries (entry_id, payout_id, reserved) VALUES (?, ?, ?)",
				taken.entry, taken.payout, taken.reserved)
		}
	}
}

// cut is what a page has of a list: a part of it, after some that are passed over.
func cut[R any](rows []R, offset, limit int64) []R {
	rows = rows[min(offset, int64(len(rows))):]
	return rows[:min(limit, int64(len(rows)))]
}

// picked are the rows that something holds for, in an order.
func picked[R any](rows []R, holds func(*R) bool, order func(a, b R) int) []R {
	found := []R{}
	for i := range rows {
		if holds(&rows[i]) {
			found = append(found, rows[i])
		}
	}
	slices.SortFunc(found, order)
	return found
}

func byID(a, b db.Payout) int { return cmp.Compare(a.ID, b.ID) }

func oldestFirst(a, b db.Payout) int {
	return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

func newestFirst(a, b db.Payout) int { return oldestFirst(b, a) }

// A question is what the lists of payouts are asked.
type question struct {
	project, affiliate, run int64
	time, id                int64
	from, to                string
	offset, limit           int64
}

func (l *ledgers) questions(ask func(question)) {
	for project := int64(1); project <= 2; project++ {
		for about := int64(1); about <= 4; about++ {
			for _, status := range [][2]string{{"", "~"}, {"pending", "pending"}, {"paid", "pending"}} {
				cursors := [][2]int64{{9, 9}, {1, 1}}
				for _, p := range l.payouts[16*about%60:][:4] { // of each affiliate, and of the run
					cursors = append(cursors, [2]int64{p.CreatedAt, p.ID})
				}
				for _, at := range cursors {
					for _, page := range [][2]int64{{0, 90}, {0, 3}, {1, 2}} {
						ask(question{project, about, about, at[0], at[1], status[0], status[1], page[0], page[1]})
					}
				}
			}
		}
	}
}

func (a question) status(p *db.Payout) bool { return a.from <= p.Status && p.Status <= a.to }

func (a question) before(time, id int64) bool { return time < a.time || time == a.time && id < a.id }

// TestQueriesOfPayouts compares the lists with what Go picks of the same rows.
func TestQueriesOfPayouts(t *testing.T) {
	t.Parallel()
	l := newLedgers(t)
	l.questions(func(a question) {
		ctx, what := t.Context(), fmt.Sprintf("%+v", a)
		listed := func(name string, got []db.Payout, err error, of func(*db.Payout) bool) {
			t.Helper()
			want := cut(picked(l.payouts, func(p *db.Payout) bool {
				return of(p) && a.status(p) && a.before(p.CreatedAt, p.ID)
			}, newestFirst), a.offset, a.limit)
			// A page is put in order where it is cut. Of it, only what the program has is
			// shown.
			want = picked(want, func(p *db.Payout) bool { return p.ProjectID == a.project }, byID)
			slices.SortFunc(got, byID)
			same(t, name+" "+what, got, err, want)
		}
		got, err := l.q.ListPayouts(ctx, db.ListPayoutsParams{
			ProjectID: a.project, BeforeTime: a.time, BeforeID: a.id, StatusFrom: a.from, StatusTo: a.to,
			Offset: a.offset, Limit: a.limit,
		})
		listed("all", got, err, func(p *db.Payout) bool { return p.ProjectID == a.project })
		ofAffiliate := func(p *db.Payout) bool {
			return p.AffiliateID == a.affiliate && ownerOf(a.affiliate) == a.project
		}
		got, err = l.q.ListPayoutsOfAffiliate(ctx, db.ListPayoutsOfAffiliateParams{
			AffiliateID: a.affiliate, ProjectID: a.project, BeforeTime: a.time, BeforeID: a.id,
			StatusFrom: a.from, StatusTo: a.to, Offset: a.offset, Limit: a.limit,
		})
		listed("of an affiliate", got, err, ofAffiliate)
		for _, some := range [][2]int64{{0, 9}, {2, 3}} {
			ofRun := func(p *db.Payout) bool {
				return p.RunID != nil && *p.RunID == a.run && l.runs[a.run-1].ProjectID == a.project &&
					some[0] <= p.AffiliateID && p.AffiliateID <= some[1]
			}
			got, err = l.q.ListPayoutsOfRun(ctx, db.ListPayoutsOfRunParams{
				RunID: a.run, ProjectID: a.project, AffiliateFrom: some[0], AffiliateTo: some[1],
				BeforeTime: a.time, BeforeID: a.id, StatusFrom: a.from, StatusTo: a.to, Offset: a.offset, Limit: a.limit,
			})
			listed("of a run", got, err, ofRun)
			n, err := l.q.CountPayoutsOfRun(ctx, db.CountPayoutsOfRunParams{
				RunID: a.run, ProjectID: a.project, StatusFrom: a.from, StatusTo: a.to,
				AffiliateFrom: some[0], AffiliateTo: some[1],
			})
			same(t, "how many of a run "+what, n, err, l.count(func(p *db.Payout) bool { return ofRun(p) && a.status(p) }))
		}
		n, err := l.q.CountPayoutsOfAffiliate(ctx, db.CountPayoutsOfAffiliateParams{
			AffiliateID: a.affiliate, ProjectID: a.project, StatusFrom: a.from, StatusTo: a.to,
		})
		same(t, "how many of an affiliate "+what, n, err,
			l.count(func(p *db.Payout) bool { return ofAffiliate(p) && a.status(p) }))
		got, err = l.q.ListPayoutsMadeByRun(ctx, db.ListPayoutsMadeByRunParams{
			RunID: a.run, ProjectID: a.project, AfterTime: a.time, AfterID: a.id, Limit: a.limit,
		})
		same(t, "made by a run "+what, got, err, cut(picked(l.payouts, func(p *db.Payout) bool {
			return p.RunID != nil && *p.RunID == a.run && p.ProjectID == a.project &&
				(p.CreatedAt > a.time || p.CreatedAt == a.time && p.ID > a.id)
		}, oldestFirst), 0, a.limit))
	})
}

func (l *ledgers) count(holds func(*db.Payout) bool) int64 {
	return int64(len(picked(l.payouts, holds, byID)))
}

// answer is what a query of one row found, 0 rows without an error.
func answer[R any](row R, err error) ([]R, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return []R{}, nil
	}
	return []R{row}, err
}

// TestQueriesOfRowsOfPayouts asks for what is found by its id, and by whom it is of.
func TestQueriesOfRowsOfPayouts(t *testing.T) {
	t.Parallel()
	l, ctx := newLedgers(t), t.Context()
	for project := int64(1); project <= 2; project++ {
		for id := range int64(len(l.payouts) + 2) {
			got, err := answer(l.q.GetPayout(ctx, db.GetPayoutParams{PayoutID: id, ProjectID: project}))
			same(t, "a payout", got, err, picked(l.payouts, func(p *db.Payout) bool {
				return p.ID == id && p.ProjectID == project
			}, byID))
		}
		for id := range int64(len(l.runs) + 2) {
			got, err := answer(l.q.GetPayoutRun(ctx, db.GetPayoutRunParams{RunID: id, ProjectID: project}))
			same(t, "a run", got, err, picked(l.runs, func(r *db.PayoutRun) bool {
				return r.ID == id && r.ProjectID == project
			}, newestRunFirst))
		}
		for _, key := range []string{"a", "b", "c", "e"} {
			got, err := answer(l.q.GetPayoutTask(ctx, db.GetPayoutTaskParams{KeyHash: []byte(key), ProjectID: project}))
			same(t, "a task", got, err, picked(l.tasks, func(k *db.PayoutTask) bool {
				return string(k.KeyHash) == key && k.ProjectID == project
			}, func(a, b db.PayoutTask) int { return cmp.Compare(a.ID, b.ID) }))
		}
		for affiliate := range int64(5) {
			got, err := answer(l.q.GetPendingPayoutOf(ctx, db.GetPendingPayoutOfParams{
				AffiliateID: affiliate, ProjectID: project,
			}))
			pending := picked(l.payouts, func(p *db.Payout) bool {
				return p.AffiliateID == affiliate && p.ProjectID == project && p.Status == "pending"
			}, byID)
			if err != nil || (len(got) == 0) != (len(pending) == 0) ||
				len(got) > 0 && !slices.ContainsFunc(pending, func(p db.Payout) bool { return p.ID == got[0] }) {
				t.Errorf("pending of affiliate %d of program %d is %v (%v)", affiliate, project, got, err)
			}
		}
		l.looksAtRuns(project)
		l.looksAtEntries(project)
		l.looksAtPayees(project)
	}
}
