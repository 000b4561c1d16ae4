package refgrow

import (
	"bytes"
	"context"
	"encoding/csv"
	"strconv"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// A PayoutFormat is a form of file that a payment service takes.
type PayoutFormat string

const (
	// PayPalFile is the CSV of PayPal's mass payments: email, amount, currency, a
	// customer id ("payout-12") and a note, without a line of names.
	PayPalFile PayoutFormat = "paypal"
	// WiseFile is the CSV of Wise's batch payments, with a line of names. The
	// amounts are what the recipients get.
	WiseFile PayoutFormat = "wise"
)

// A PayoutFile is made of the pending payouts in one currency, for a service that
// makes the payments. Nothing is paid by it: what was is to be noted with
// PayPayout.
type PayoutFile struct {
	Format   PayoutFormat
	Currency money.Currency
	CSV      []byte
	// Payouts counts those in the file, LeftOut those of affiliates without the
	// preference that the service needs: an email for PayPal, an account id or an
	// email for Wise.
	Payouts, LeftOut int
}

// ExportPayouts makes a file of all pending payouts in a currency, the oldest
// first. The services take one currency a file. Currency "" is the project's.
// Errors: ErrInvalid.
func (p *Project) ExportPayouts(ctx context.Context, format PayoutFormat, currency money.Currency) (*PayoutFile, error) {
	var lines [][]string
	lineOf := payPalLine
	switch format {
	case PayPalFile:
	case WiseFile:
		lines, lineOf = [][]string{wiseNames()}, wiseLine
	default:
		return nil, invalid("format", `must be "paypal" or "wise"`)
	}
	if currency == "" {
		settings, err := p.Settings(ctx)
		if err != nil {
			return nil, err
		}
		currency = settings.Currency
	}
	currency, err := money.ParseCurrency(string(currency))
	if err != nil {
		return nil, invalid("currency", "%v", err)
	}
	file := &PayoutFile{Format: format, Currency: currency}
	err = p.snapshot(ctx, "exporting payouts", func(ctx context.Context, q db.Querier) error {
		for after := int64(0); ; {
			rows, err := q.ListPendingPayouts(ctx, db.ListPendingPayoutsParams{
				ProjectID: p.id, Currency: string(currency), AfterID: after, Limit: payoutStep,
			})
			if err != nil || len(rows) == 0 {
				return err
			}
			for i := range rows {
				if line := lineOf(&rows[i]); line != nil {
					lines = append(lines, line)
					file.Payouts++
				} else {
					file.LeftOut++
				}
			}
			if after, err = onward(after, rows[len(rows)-1].ID); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := csv.NewWriter(&text).WriteAll(lines); err != nil {
		return nil, failed("exporting payouts", err)
	}
	file.CSV = text.Bytes()
	return file, nil
}

// payPalLine is nil for an affiliate without an email for PayPal.
func payPalLine(p *db.ListPendingPayoutsRow) []string {
	email := recipient(p.PaypalEmail)
	if email == "" {
		return nil
	}
	id := strconv.FormatInt(p.ID, 10)
	return []string{email, payoutAmount(p), p.Currency, "payout-" + id, "Affiliate payout " + id}
}

func wiseNames() []string {
	return []string{"recipientId", "recipientEmail", "sourceCurrency", "targetCurrency", "amountCurrency", "amount", "paymentReference"}
}

// wiseLine is nil for an affiliate with neither account id nor email for Wise.
func wiseLine(p *db.ListPendingPayoutsRow) []string {
	account, email := recipient(p.WiseAccountID), recipient(p.WiseEmail)
	if account == "" && email == "" {
		return nil
	}
	return []string{account, email, p.Currency, p.Currency, "target", payoutAmount(p), "Payout " + strconv.FormatInt(p.ID, 10)}
}

// recipient leaves out what a spreadsheet would take for a formula. The
// preferences refuse it too, but a file of payments is no place to rely on that.
func recipient(preference *string) string {
	if startsFormula(orZero(preference)) {
		return ""
	}
	return orZero(preference)
}

func payoutAmount(p *db.ListPendingPayoutsRow) string {
	return money.New(p.Amount, money.Currency(p.Currency)).Decimal()
}
