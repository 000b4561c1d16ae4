package refgrow

import (
	"bytes"
	"context"
	"encoding/csv"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/payfile"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// A PayoutFormat is a file format that a payment service accepts.
type PayoutFormat string

const (
	// PayPalFile is the CSV of PayPal's mass payments: email, amount, currency, a
	// customer id ("payout-12") and a note, without a header line.
	PayPalFile PayoutFormat = payfile.PayPal
	// WiseFile is the CSV of Wise's batch payments to saved recipients, which
	// [PayoutPreferences].WiseAccountID names, with a header line. The amounts are what
	// the recipients get.
	WiseFile PayoutFormat = payfile.Wise
	// WiseEmailFile is the CSV of Wise's batch payments by email, with a header line.
	// Its name is WiseName, or without one the email. The amounts are what the
	// recipients get.
	WiseEmailFile PayoutFormat = payfile.WiseEmail
)

// ExportPayoutsParams say what a file of payouts is for.
type ExportPayoutsParams struct {
	Format PayoutFormat
	// Currency is the one currency of the file. Defaults to the project's.
	Currency money.Currency
	// After is the id of a payout: the file begins with what comes after it. 0 begins
	// with the first one.
	After int64
}

// A PayoutFile contains pending payouts in one currency, for a service that makes the
// payments. It changes nothing: once a payment is made, note it with PayPayout.
type PayoutFile struct {
	Format   PayoutFormat
	Currency money.Currency
	CSV      []byte
	// Payouts counts the payouts in the file, in the order of their ids, of which
	// FirstID and LastID are the first and the last one: 0 for none.
	Payouts         int
	FirstID, LastID int64
	// LeftOut counts the payouts between them, and after the last one of the last part,
	// that are not in it: of affiliates without the preference that the service needs
	// (an email for PayPal, an account id or an email for Wise), and of amounts with
	// more decimals than the currency has there, which are never rounded.
	LeftOut int
	// Parts counts the files that it takes from here on, this one included. The next
	// one begins After LastID.
	Parts int
}

// ExportPayouts makes a file of the pending payouts in a currency, oldest first, or of
// as many of them as the service takes in one: PayPal 5,000, Wise 1,000. What is paid
// or canceled in the meantime changes no later part, and no payout is in two of them. A
// currency that the service does not take is refused with the list of those it does.
// Errors: ErrInvalid.
func (p *Project) ExportPayouts(ctx context.Context, params ExportPayoutsParams) (*PayoutFile, error) {
	service, ok := payfile.For(string(params.Format))
	if !ok {
		return nil, invalid("format", `must be "paypal", "wise" or "wise_email"`)
	}
	if params.After < 0 {
		return nil, at("after", form.ID(params.After))
	}
	currency := params.Currency
	if currency == "" {
		settings, err := p.Settings(ctx)
		if err != nil {
			return nil, err
		}
		currency = settings.Currency
	}
	currency, err := money.ParseCurrency(string(currency))
	if err == nil {
		err = service.Takes(currency)
	}
	if err != nil {
		return nil, at("currency", err)
	}
	file := PayoutFile{Format: params.Format, Currency: currency}
	var lines [][]string
	err = p.snapshot(ctx, "exporting payouts", func(ctx context.Context, q db.Querier) error {
		part := payoutPart{PayoutFile: file, service: service}
		if err := part.read(ctx, q, p.id, params.After); err != nil {
			return err
		}
		file, lines = part.PayoutFile, part.lines
		return nil
	})
	if err != nil {
		return nil, err
	}
	if columns := service.Columns(); columns != nil {
		lines = append([][]string{columns}, lines...)
	}
	var text bytes.Buffer
	if err := csv.NewWriter(&text).WriteAll(lines); err != nil {
		return nil, p.engine.failed("exporting payouts", err)
	}
	file.CSV = text.Bytes()
	return &file, nil
}

// A payoutPart is a file in the making.
type payoutPart struct {
	PayoutFile
	service *payfile.Service
	lines   [][]string
	// later counts what fits no more into the file; leftOut what was left out since the
	// last line, and belongs to the next part if there is one.
	later, leftOut int
}

// read takes the pending payouts after an id.
func (f *payoutPart) read(ctx context.Context, q db.Querier, project, after int64) error {
	for {
		rows, err := q.ListPendingPayouts(ctx, db.ListPendingPayoutsParams{
			ProjectID: project, Currency: string(f.Currency), AfterID: after, Limit: payoutStep,
		})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		for i := range rows {
			f.take(&rows[i])
		}
		if after, err = stored.Onward(after, rows[len(rows)-1].ID); err != nil {
			return err
		}
	}
	if f.later == 0 {
		f.LeftOut += f.leftOut
	}
	f.Payouts = len(f.lines)
	f.Parts = (f.Payouts + f.later + f.service.Rows - 1) / f.service.Rows
	return nil
}

func (f *payoutPart) take(row *db.ListPendingPayoutsRow) {
	line := f.service.Line(&payfile.Payment{
		Payout: row.ID, Amount: money.New(row.Amount, f.Currency),
		PayPalEmail: stored.OrZero(row.PaypalEmail), WiseAccount: stored.OrZero(row.WiseAccountID),
		WiseEmail: stored.OrZero(row.WiseEmail), WiseName: stored.OrZero(row.WiseName),
	})
	switch {
	case line == nil:
		f.leftOut++
	case len(f.lines) == f.service.Rows:
		f.later++
	default:
		f.lines = append(f.lines, line)
		f.LeftOut, f.leftOut = f.LeftOut+f.leftOut, 0
		f.LastID = row.ID
		if f.FirstID == 0 {
			f.FirstID = row.ID
		}
	}
}
