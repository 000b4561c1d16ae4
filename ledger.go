package refgrow

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

// An EntryKind says what happened in an affiliate's account.
type EntryKind string

const (
	// EntryCommission: a conversion was credited.
	EntryCommission EntryKind = "commission"
	// EntryCorrection: the value of a credited conversion was changed.
	EntryCorrection EntryKind = "correction"
	// EntryReversal: a conversion was refunded, deleted, or credited to another
	// affiliate.
	EntryReversal EntryKind = "reversal"
	// EntryAdjustment: a bonus or a deduction by the program's owner.
	EntryAdjustment EntryKind = "adjustment"
	// EntrySettlement: something was paid out (negative), or a payment was taken
	// back (positive).
	EntrySettlement EntryKind = "settlement"
)

// A LedgerEntry is one line of an affiliate's account. It never changes.
type LedgerEntry struct {
	ID          int64
	AffiliateID int64
	Kind        EntryKind
	Amount      money.Amount
	// AvailableAt is when the amount counts as eligible instead of held.
	AvailableAt time.Time
	// CreatedAt is the instant of the entry. Within a project it never decreases.
	CreatedAt time.Time
	// ConversionID and PayoutID say what the entry is about; 0 for none. The conversion
	// may have been deleted since.
	ConversionID, PayoutID int64
	Note                   string
}

// AppendJSON appends the entry to b in the form that an affiliate's ledger has in the
// REST API.
func (e *LedgerEntry) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Integer("id", e.ID)
	o.Text("kind", string(e.Kind))
	o.Number("amount", e.Amount)
	o.Text("currency", string(e.Amount.Currency()))
	o.Instant("available_at", e.AvailableAt)
	o.Instant("created_at", e.CreatedAt)
	o.ID("conversion_id", e.ConversionID)
	o.ID("payout_id", e.PayoutID)
	o.Optional("note", e.Note)
	return o.End()
}

// ListLedgerParams narrow and page an affiliate's ledger.
type ListLedgerParams struct {
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

// ListLedger returns a page of an affiliate's entries, newest first. Errors:
// ErrNotFound, ErrInvalid.
func (p *Project) ListLedger(ctx context.Context, affiliateID int64, params ListLedgerParams) (Page[LedgerEntry],
	error) {
	var page Page[LedgerEntry]
	at, err := pageOf("ledger", params.Limit, 50, params.After, params.Offset, p.id, affiliateID)
	if err != nil {
		return page, err
	}
	err = p.snapshot(ctx, "listing ledger entries", func(ctx context.Context, q db.Querier) error {
		if err := affiliateExists(ctx, q, p.id, affiliateID); err != nil {
			return err
		}
		beyond, err := at.isBeyond(ctx, q, p.id, func(t *db.ProjectTotals) int64 { return t.LedgerEntries })
		if beyond || err != nil {
			return err
		}
		rows, err := q.ListEntriesOfAffiliate(ctx, db.ListEntriesOfAffiliateParams{
			ProjectID: p.id, AffiliateID: affiliateID, BeforeID: at.from.id, Limit: at.fetch(), Offset: at.offset,
		})
		if err != nil {
			return err
		}
		page, err = cut(at, rows, func(r *db.LedgerEntry) (int64, int64) { return 0, r.ID }, shown(showEntry))
		return err
	})
	return page, err
}

// CountLedger counts the entries of an affiliate. Errors: ErrNotFound.
func (p *Project) CountLedger(ctx context.Context, affiliateID int64) (int64, error) {
	var n int64
	err := p.snapshot(ctx, "counting ledger entries", func(ctx context.Context, q db.Querier) (err error) {
		if err := affiliateExists(ctx, q, p.id, affiliateID); err != nil {
			return err
		}
		n, err = q.CountEntriesOfAffiliate(ctx, db.CountEntriesOfAffiliateParams{ProjectID: p.id, AffiliateID: affiliateID})
		return err
	})
	return n, err
}

// AllLedger walks all entries of an affiliate. It fetches page by page and holds
// no rows open.
func (p *Project) AllLedger(ctx context.Context, affiliateID int64, params ListLedgerParams) iter.Seq2[LedgerEntry,
	error] {
	return all(func(after Cursor) (Page[LedgerEntry], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListLedger(ctx, affiliateID, params)
	})
}

func showEntry(r *db.LedgerEntry) (*LedgerEntry, error) {
	currency, err := stored.Currency(r.Currency)
	if err != nil {
		return nil, fmt.Errorf("ledger entry %d: %w", r.ID, err)
	}
	return &LedgerEntry{
		ID: r.ID, AffiliateID: r.AffiliateID, Kind: EntryKind(r.Kind), Amount: money.New(r.Amount, currency),
		AvailableAt: stored.Instant(r.AvailableAt), CreatedAt: stored.Instant(r.CreatedAt),
		ConversionID: stored.OrZero(r.ConversionID), PayoutID: stored.OrZero(r.PayoutID), Note: stored.OrZero(r.Note),
	}, nil
}

// maxNote is the length of the longest note or reason, in characters.
const maxNote = 1000

// CreateAdjustmentParams describe a bonus or a deduction.
type CreateAdjustmentParams struct {
	AffiliateID int64
	// Amount is the bonus, or, if negative, the deduction. It must not be 0.
	Amount money.Amount
	// Note says what it is for, and is required: the affiliate reads it.
	Note string
}

func (params CreateAdjustmentParams) check() error {
	if err := at("affiliate_id", form.ID(params.AffiliateID)); err != nil {
		return err
	}
	switch a := params.Amount; {
	case !a.IsSet():
		return invalid("amount", "is required")
	case a.IsZero():
		return invalid("amount", "must not be 0")
	case a.Minor() > money.MaxMinor || a.Minor() < -money.MaxMinor:
		return invalid("amount", "must be at most 9 * 10^15 minor units, either way")
	}
	if strings.TrimSpace(params.Note) == "" {
		return invalid("note", "is required: it says what the adjustment is for")
	}
	return at("note", form.Text(params.Note, maxNote))
}

// CreateAdjustment gives an affiliate a bonus, or deducts something, on behalf of the
// program's owner. It is available at once. Errors: ErrInvalid, ErrNotFound for an
// unknown affiliate.
func (p *Project) CreateAdjustment(ctx context.Context, params CreateAdjustmentParams) (*LedgerEntry, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "adjusting an account", backend.Work{}, func(ctx context.Context, o *op) (*LedgerEntry, error) {
		if err := affiliateExists(ctx, o, o.project, params.AffiliateID); err != nil {
			return nil, err
		}
		written := []ledger.Entry{{
			Kind: ledger.Adjustment, Amount: params.Amount.Minor(), Available: o.now, Note: params.Note,
		}}
		to := ledger.Account{Affiliate: params.AffiliateID, Currency: string(params.Amount.Currency())}
		if err := o.post(ctx, ledger.Posting{Account: to, Entries: written, Field: "amount"}); err != nil {
			return nil, err
		}
		return &LedgerEntry{
			ID: written[0].ID, AffiliateID: params.AffiliateID, Kind: EntryAdjustment, Amount: params.Amount,
			AvailableAt: stored.Instant(o.now), CreatedAt: stored.Instant(o.stamp()), Note: params.Note,
		}, nil
	})
}
