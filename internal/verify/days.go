package verify

import (
	"context"
	"fmt"
	"math/big"

	"github.com/refgrow-go/refgrow/internal/stored"
)

// days checks what is stored for each day.
func (v *verification) days(ctx context.Context) error {
	affiliates, err := v.Querier.VerifyAffiliateDays(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, d := range affiliates {
		if v.hidden[d.AffiliateID] {
			continue
		}
		where := fmt.Sprintf("affiliate %d on %s%s", d.AffiliateID, stored.Date(stored.Midnight(d.Day)), in(d.Currency))
		v.compare(where, "clicks", d.StoredClicks, d.Clicks)
		v.compare(where, "signups", d.StoredSignups, d.Signups)
		v.compare(where, "purchases", d.StoredPurchases, d.Purchases)
		v.earnedOn(where, stored.Billions(d.StoredBillions, d.StoredEarned), stored.Billions(d.Billions, d.Earned))
	}
	days, err := v.Querier.VerifyProjectDays(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, d := range days {
		where := "the project on " + stored.Date(stored.Midnight(d.Day)) + in(d.Currency)
		v.compare(where, "rows", d.Here, 1)
		v.compare(where, "clicks", d.StoredClicks, d.Clicks)
		v.compare(where, "signups", d.StoredSignups, d.Signups)
		v.compare(where, "purchases", d.StoredPurchases, d.Purchases)
		v.earnedOn(where, stored.Billions(d.StoredBillions, d.StoredEarned), stored.Billions(d.Billions, d.Earned))
	}
	return nil
}

func (v *verification) earnedOn(where string, kept, computed *big.Int) {
	if kept.Cmp(computed) != 0 {
		v.differs(where, "earned", kept, computed)
	}
}

// clicks sums the clicks of each affiliate's days.
func (v *verification) clicks(ctx context.Context) (map[int64]int64, error) {
	rows, err := v.Querier.VerifyClicks(ctx, v.project.ID)
	sums := make(map[int64]int64, len(rows))
	for _, row := range rows {
		sums[row.AffiliateID] = row.Clicks
	}
	return sums, err
}

func in(currency string) string {
	if currency == "" {
		return ""
	}
	return " in " + currency
}
