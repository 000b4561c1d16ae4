package db_test

import (
	"cmp"
	"slices"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
)

// changes does what changes something, each on the books as they were drawn.
func (b *paper) changes(t *rapid.T) {
	which := rapid.SampledFrom([]int{1, 1, 1, 1, 1, 0, 3, 5}).Draw(t, "account") // 1 has the most entries
	payout := rapid.SampledFrom(b.payouts).Draw(t, "payout")
	for _, change := range []func(*rapid.T, account, db.Payout){
		b.posts, b.clears, b.unclears, b.reserves, b.settles, b.flips, b.frees, b.beginsElsewhere,
	} {
		b.exec(t, "SAVEPOINT before")
		change(t, b.accounts[which], payout)
		b.exec(t, "ROLLBACK TO before")
		b.exec(t, "RELEASE before")
	}
}

// accountsAre compares the accounts: the one that a change is about, and all others as
// they were.
func (b *paper) accountsAre(t *rapid.T, what string, changed account) {
	t.Helper()
	rows, err := b.on.QueryContext(t.Context(), `SELECT affiliate_id, currency, project_id, total, paid,
		eligible, rolled_to, next_release_at, signups, purchases, reserved, debts, cleared_to
		FROM refgrow_accounts ORDER BY affiliate_id, currency`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []account
	for rows.Next() {
		var a account
		if err := rows.Scan(&a.AffiliateID, &a.Currency, &a.ProjectID, &a.Total, &a.Paid, &a.Eligible, &a.RolledTo,
			&a.NextReleaseAt, &a.Signups, &a.Purchases, &a.Reserved, &a.Debts, &a.ClearedTo); err != nil {
			t.Fatal(err)
		}
		got = append(got, a)
	}
	want := slices.Clone(b.accounts)
	for i, a := range want {
		if a.AffiliateID == changed.AffiliateID && a.Currency == changed.Currency {
			want[i] = changed
		}
	}
	same(t, what, got, rows.Err(), want)
}

func (b *paper) posts(t *rapid.T, a account, _ db.Payout) {
	row := db.PostToAccountParams{
		AffiliateID: a.AffiliateID, Currency: a.Currency, ProjectID: a.ProjectID,
		Total: 5, Paid: 7, Eligible: 11, Signups: 13, Purchases: 17, Reserved: 19,
		RolledTo: rapid.Int64Range(0, 6).Draw(t, "to"),
	}
	if at := rapid.Int64Range(0, 6).Draw(t, "next posted"); at != 0 {
		row.NextReleaseAt = &at
	}
	want := a
	want.Total, want.Paid, want.Eligible = a.Total+5, a.Paid+7, a.Eligible+11
	want.Signups, want.Purchases, want.Reserved = a.Signups+13, a.Purchases+17, a.Reserved+19
	want.RolledTo = max(a.RolledTo, row.RolledTo)
	if a.Debts != 0 {
		want.Debts = b.debts(a, want.RolledTo)
	}
	switch {
	case a.NextReleaseAt != nil && *a.NextReleaseAt <= row.RolledTo:
		want.Eligible += sum(b.held(a, a.RolledTo, row.RolledTo))
		want.NextReleaseAt = nil
		for _, e := range b.held(a, row.RolledTo, never) {
			if want.NextReleaseAt == nil || e.AvailableAt < *want.NextReleaseAt {
				want.NextReleaseAt = &e.AvailableAt
			}
		}
	case a.NextReleaseAt == nil, row.NextReleaseAt != nil && *row.NextReleaseAt < *a.NextReleaseAt:
		want.NextReleaseAt = row.NextReleaseAt
	}
	if err := b.q.PostToAccount(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	b.accountsAre(t, "posting to an account", want)
}

// debts are what counts against a payout although it is not available by an instant.
func (b *paper) debts(a account, instant int64) (debts int64) {
	unreserved := make(map[part]int64)
	for _, e := range b.held(a, instant, never) {
		switch {
		case b.isFree(e):
			unreserved[partOf(e)] += e.Amount
		case e.PayoutID != nil && e.Returned == 0:
		case slices.ContainsFunc(b.taken, func(t taking) bool {
			return t.entry == e.ID && t.reserved == 1 && b.payouts[t.payout-1].Status == "pending"
		}):
			debts += e.Amount
		}
	}
	for _, amount := range unreserved {
		debts += min(amount, 0)
	}
	return debts
}

func (b *paper) clears(t *rapid.T, a account, _ db.Payout) {
	want := a
	want.ClearedTo = 0
	for _, e := range b.entries {
		if e.AffiliateID == a.AffiliateID {
			want.ClearedTo = e.ID
		}
	}
	for _, entries := range b.open(a) {
		if sum(entries) != 0 {
			want.ClearedTo = min(want.ClearedTo, entries[len(entries)-1].ID-1)
		}
	}
	if err := b.q.ClearAccount(t.Context(), db.ClearAccountParams{
		AffiliateID: a.AffiliateID, Currency: a.Currency, ProjectID: a.ProjectID,
	}); err != nil {
		t.Fatal(err)
	}
	b.accountsAre(t, "clearing an account", want)
}

// beginsElsewhere asks what is payable, and clears and reserves it, wherever that begins.
func (b *paper) beginsElsewhere(t *rapid.T, _ account, payout db.Payout) {
	const most = 1 // has the most entries
	whole := b.accounts[most]
	defer func() { b.accounts[most] = whole }()
	for at := rapid.IntRange(0, 3).Draw(t, "begins"); at <= len(b.entries); at += 4 {
		a := &b.accounts[most]
		a.ClearedTo = int64(at)
		b.exec(t, "UPDATE refgrow_accounts SET cleared_to = ? WHERE affiliate_id = ? AND currency = ?",
			a.ClearedTo, a.AffiliateID, a.Currency)
		b.looksAtAccount(t, *a)
		for _, change := range []func(*rapid.T, account, db.Payout){b.clears, b.reserves} {
			b.exec(t, "SAVEPOINT elsewhere")
			change(t, *a, payout)
			b.exec(t, "ROLLBACK TO elsewhere")
			b.exec(t, "RELEASE elsewhere")
		}
	}
}

func (b *paper) unclears(t *rapid.T, a account, payout db.Payout) {
	want, first := a, int64(1)
	for _, taken := range slices.Backward(b.taken) {
		if taken.payout == payout.ID {
			first = taken.entry
		}
	}
	want.ClearedTo = min(a.ClearedTo, first-1)
	if err := b.q.UnclearAccount(t.Context(), db.UnclearAccountParams{
		PayoutID: payout.ID, AffiliateID: a.AffiliateID, Currency: a.Currency, ProjectID: a.ProjectID,
	}); err != nil {
		t.Fatal(err)
	}
	b.accountsAre(t, "taking back what was cleared", want)
}

// takings are all of them.
func (b *paper) takings(t *rapid.T) (all []taking) {
	t.Helper()
	rows, err := b.on.QueryContext(t.Context(),
		"SELECT entry_id, payout_id, reserved FROM refgrow_payout_entries ORDER BY entry_id, payout_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var one taking
		if err := rows.Scan(&one.entry, &one.payout, &one.reserved); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func inOrder(all []taking) []taking {
	return slices.SortedFunc(slices.Values(all), func(a, b taking) int {
		return cmp.Or(cmp.Compare(a.entry, b.entry), cmp.Compare(a.payout, b.payout))
	})
}

func (b *paper) reserves(t *rapid.T, a account, _ db.Payout) {
	cutoff := rapid.Int64Range(0, 6).Draw(t, "cutoff of the payout")
	const another = 99
	ids, _ := b.payable(a, cutoff)
	want := slices.Clone(b.taken)
	for _, id := range ids {
		want = append(want, taking{id, another, 1})
	}
	n, err := b.q.ReserveEntries(t.Context(), db.ReserveEntriesParams{
		PayoutID: another, AffiliateID: a.AffiliateID, ProjectID: a.ProjectID, Currency: a.Currency, Cutoff: cutoff,
	})
	same(t, "how many entries a payout reserves", n, err, int64(len(ids)))
	same(t, "the entries that it reserves", b.takings(t), nil, inOrder(want))
}

func (b *paper) frees(t *rapid.T, _ account, payout db.Payout) {
	project := rapid.Int64Range(1, 2).Draw(t, "project that frees")
	want, freed := slices.Clone(b.taken), int64(0)
	for i := range want {
		if want[i].payout == payout.ID && payout.ProjectID == project {
			want[i].reserved = 0
			freed++
		}
	}
	n, err := b.q.FreeEntries(t.Context(), db.FreeEntriesParams{PayoutID: payout.ID, ProjectID: project})
	same(t, "how many entries are freed", n, err, freed)
	same(t, "what is reserved then", b.takings(t), nil, inOrder(want))
}

func (b *paper) settles(t *rapid.T, _ account, payout db.Payout) {
	project := rapid.Int64Range(1, 2).Draw(t, "project that settles")
	const now = 50
	type settlement struct {
		affiliate, conversion, amount, available int64
		currency                                 string
	}
	var want []settlement
	parts, sums := b.settling(payout.ID, project)
	// They are written in the order of the first entry of each.
	first := func(p part) int {
		return slices.IndexFunc(b.entriesOf(payout.ID, project), func(e db.LedgerEntry) bool { return settledAs(e) == p })
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(first(a), first(b)) })
	for _, at := range parts {
		if amount := sums[at]; amount != 0 && max(amount, -amount) <= largest {
			want = append(want, settlement{payout.AffiliateID, at.of, -amount, at.available, payout.Currency})
		}
	}
	rows, err := b.q.InsertSettlements(t.Context(), db.InsertSettlementsParams{
		CreatedAt: now, PayoutID: payout.ID, ProjectID: project,
	})
	if err != nil {
		t.Fatal(err)
	}
	var answered, stored []settlement
	for _, row := range rows {
		answered = append(answered, settlement{amount: row.Amount, available: row.AvailableAt})
	}
	found, err := b.on.QueryContext(t.Context(), `
		SELECT affiliate_id, COALESCE(conversion_id, 0), amount, available_at, currency
		FROM refgrow_ledger_entries WHERE kind = 'settlement' AND created_at = ? AND payout_id = ? AND project_id = ?
		ORDER BY id`, now, payout.ID, project)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var s settlement
		if err := found.Scan(&s.affiliate, &s.conversion, &s.amount, &s.available, &s.currency); err != nil {
			t.Fatal(err)
		}
		stored = append(stored, s)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	for i, s := range stored {
		if i < len(answered) && (s.amount != answered[i].amount || s.available != answered[i].available) {
			t.Fatalf("settled %+v, and said %+v", stored, answered)
		}
	}
	same(t, "what is settled", stored, nil, want)
	same(t, "how much of it is said", len(answered), nil, len(want))
}

func (b *paper) flips(t *rapid.T, a account, payout db.Payout) {
	var want []db.SetPaidOfPayoutRow
	for _, c := range b.conversions {
		if c.ProjectID != a.ProjectID || *c.AffiliateID != a.AffiliateID || c.Currency != a.Currency {
			continue
		}
		has := func(e db.LedgerEntry) bool { return e.ConversionID != nil && *e.ConversionID == c.ID }
		if !slices.ContainsFunc(b.taken, func(t taking) bool {
			return t.payout == payout.ID && has(b.entries[t.entry-1])
		}) {
			continue
		}
		var earned, unpaid int64
		for _, e := range b.entries {
			if !has(e) || e.AffiliateID != a.AffiliateID || e.Currency != a.Currency {
				continue
			}
			unpaid += e.Amount
			if e.Kind != "settlement" {
				earned += e.Amount
			}
		}
		paid := int64(0)
		if unpaid <= 0 {
			paid = 1
		}
		if earned > 0 && paid != c.Paid {
			want = append(want, db.SetPaidOfPayoutRow{Type: c.Type, Paid: paid})
		}
	}
	got, err := b.q.SetPaidOfPayout(t.Context(), db.SetPaidOfPayoutParams{
		ProjectID: a.ProjectID, AffiliateID: a.AffiliateID, Currency: a.Currency, PayoutID: payout.ID,
	})
	order := func(x, y db.SetPaidOfPayoutRow) int {
		return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.Paid, y.Paid))
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	same(t, "the flags that change", got, err, append([]db.SetPaidOfPayoutRow{}, want...))
}
