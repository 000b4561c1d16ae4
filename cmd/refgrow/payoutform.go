package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/refgrow-go/refgrow"
)

const payoutForm = `A payout is {"id", "affiliate_id",
"affiliate_email", "amount", "currency", "status", "entry_count", "cutoff", "created_at",
"external_reference", "paid_at", "canceled_at", "returned_at",
"return_note", "run_id"}; the amount is a string such as "25.00"; what is
missing is null.`

// payoutJSON is a payout as the REST API shows it.
type payoutJSON struct {
	ID                *int64  `json:"id"`
	AffiliateID       int64   `json:"affiliate_id"`
	AffiliateEmail    *string `json:"affiliate_email"`
	Amount            string  `json:"amount"`
	Currency          string  `json:"currency"`
	Status            string  `json:"status"`
	EntryCount        int64   `json:"entry_count"`
	Cutoff            string  `json:"cutoff"`
	CreatedAt         *string `json:"created_at"`
	ExternalReference *string `json:"external_reference"`
	PaidAt            *string `json:"paid_at"`
	CanceledAt        *string `json:"canceled_at"`
	ReturnedAt        *string `json:"returned_at"`
	ReturnNote        *string `json:"return_note"`
	RunID             *int64  `json:"run_id"`
}

// payoutForms returns payouts in their form, with the emails of the affiliates.
func payoutForms(ctx context.Context, project *refgrow.Project, payouts []refgrow.Payout) ([]payoutJSON, error) {
	list := make([]payoutJSON, len(payouts))
	emails := make(map[int64]*string)
	for i, p := range payouts {
		if _, known := emails[p.AffiliateID]; !known {
			email, err := emailOf(ctx, project, p.AffiliateID)
			if err != nil {
				return nil, err
			}
			emails[p.AffiliateID] = email
		}
		list[i] = payoutJSON{
			AffiliateID: p.AffiliateID, AffiliateEmail: emails[p.AffiliateID],
			Amount: p.Amount.Decimal(), Currency: string(p.Amount.Currency()),
			Status: string(p.Status), EntryCount: p.EntryCount,
			Cutoff: stamp(p.Cutoff), PaidAt: optionalStamp(p.PaidAt), CanceledAt: optionalStamp(p.CanceledAt),
		}
		if p.ID != 0 { // not a preview
			list[i].ID, list[i].CreatedAt = new(p.ID), new(stamp(p.CreatedAt))
		}
		list[i].ReturnedAt = optionalStamp(p.ReturnedAt)
		if p.ReturnNote != "" {
			list[i].ReturnNote = new(p.ReturnNote)
		}
		if p.RunID != 0 {
			list[i].RunID = new(p.RunID)
		}
		if p.ExternalReference != "" {
			list[i].ExternalReference = new(p.ExternalReference)
		}
	}
	return list, nil
}

// emailOf returns the email of an affiliate, nil if it was deleted in the meantime.
func emailOf(ctx context.Context, project *refgrow.Project, id int64) (*string, error) {
	affiliate, err := project.GetAffiliate(ctx, id)
	if errors.Is(err, refgrow.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &affiliate.Email, nil
}

// payee is the affiliate's email, or else its id.
func (p *payoutJSON) payee() string {
	if p.AffiliateEmail != nil {
		return *p.AffiliateEmail
	}
	return "affiliate " + strconv.FormatInt(p.AffiliateID, 10)
}

// showPayouts prints a list of payouts.
func (c *call) showPayouts(ctx context.Context, project *refgrow.Project, payouts []refgrow.Payout) error {
	stop := progress(c.stderr, "looking up affiliates")
	list, err := payoutForms(ctx, project, payouts)
	stop()
	if err != nil {
		return err
	}
	return show(c, payoutView(), each(list))
}

func payoutView() view[payoutJSON] {
	return view[payoutJSON]{
		headings: []string{"ID", "AFFILIATE", "AMOUNT", "ENTRIES", "STATUS"},
		row: func(p *payoutJSON) []string {
			return []string{
				number(orZero(p.ID)), p.payee(), p.Amount + " " + p.Currency, strconv.FormatInt(p.EntryCount, 10), p.Status,
			}
		},
		form: marshaled[payoutJSON],
	}
}

// showPayout prints one payout, in full.
func (c *call) showPayout(ctx context.Context, project *refgrow.Project, payout *refgrow.Payout) error {
	list, err := payoutForms(ctx, project, []refgrow.Payout{*payout})
	if err != nil {
		return err
	}
	p := list[0]
	if c.json {
		return c.stdout.json(p)
	}
	rows := [][]string{
		{"payout", strconv.FormatInt(payout.ID, 10)},
		{"affiliate", p.payee()},
		{"amount", p.Amount + " " + p.Currency},
		{"entries", strconv.FormatInt(p.EntryCount, 10)},
		{"cutoff", p.Cutoff},
		{"created", stamp(payout.CreatedAt)},
		{"status", p.Status},
	}
	for _, optional := range []struct {
		name string
		text *string
	}{
		{"paid", p.PaidAt}, {"reference", p.ExternalReference}, {"canceled", p.CanceledAt},
		{"returned", p.ReturnedAt}, {"note", p.ReturnNote},
	} {
		if optional.text != nil {
			rows = append(rows, []string{optional.name, *optional.text})
		}
	}
	return c.stdout.fields(rows)
}
