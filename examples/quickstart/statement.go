package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/refgrow-go/refgrow"
)

// statement prints an affiliate's account: the lines of the ledger, and a
// balance for each currency. Nothing is ever added up across currencies.
func statement(
	ctx context.Context, out io.Writer, shop *refgrow.Project, affiliate *refgrow.Affiliate, clock *clock,
) error {
	ledger, err := shop.ListLedger(ctx, affiliate.ID, refgrow.ListLedgerParams{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nStatement for %s, %s\n\n", affiliate.Email, clock.today())
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "date\tkind\tconversion\tavailable\tamount\t")
	// The newest line comes first in a list. People read it the other way round.
	for _, entry := range slices.Backward(ledger.Items) {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t\n", entry.CreatedAt.Format(time.DateOnly), entry.Kind,
			entry.ConversionID, entry.AvailableAt.Format(time.DateOnly), entry.Amount)
	}
	if err := table.Flush(); err != nil {
		return err
	}

	balances, err := shop.Earnings(ctx, affiliate.ID)
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	fmt.Fprintln(table, "total\tpaid\theld\teligible\tnext release\t")
	for _, b := range balances {
		next := "-"
		if b.NextRelease != nil {
			next = b.NextRelease.Format(time.DateOnly)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t\n", b.Total, b.Paid, b.Held, b.Eligible, next)
	}
	return table.Flush()
}
