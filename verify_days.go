package refgrow

import (
	"context"
	"fmt"
)

// days checks what is stored of each day.
func (v *verification) days(ctx context.Context) error {
	affiliates, err := v.q.VerifyAffiliateDays(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, d := range affiliates {
		if v.hidden[d.AffiliateID] {
			continue
		}
		where := fmt.Sprintf("affiliate %d on %s%s", d.AffiliateID, date(d.Day), in(d.Currency))
		v.compare(where, "clicks", d.StoredClicks, d.Clicks)
		v.compare(where, "signups", d.StoredSignups, d.Signups)
		v.compare(where, "purchases", d.StoredPurchases, d.Purchases)
		v.compare(where, "earned", d.StoredEarned, d.Earned)
	}
	days, err := v.q.VerifyProjectDays(ctx, v.project.ID)
	if err != nil {
		return err
	}
	for _, d := range days {
		where := "the project on " + date(d.Day) + in(d.Currency)
		v.compare(where, "rows", d.Here, 1)
		v.compare(where, "clicks", d.StoredClicks, d.Clicks)
		v.compare(where, "signups", d.StoredSignups, d.Signups)
		v.compare(where, "purchases", d.StoredPurchases, d.Purchases)
		if stored, computed := inBillions(d.StoredBillions, d.StoredEarned), inBillions(d.Billions, d.Earned); stored.Cmp(computed) != 0 {
			v.differs(where, "earned", stored, computed)
		}
	}
	return nil
}

// clicks sums up the clicks of each affiliate's days.
func (v *verification) clicks(ctx context.Context) (map[int64]int64, error) {
	rows, err := v.q.VerifyClicks(ctx, v.project.ID)
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
