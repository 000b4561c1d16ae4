package backend

import "github.com/refgrow-go/refgrow/internal/db"

// sum adds two changes of one project's totals.
func sum(a, b db.AddTotalsParams) db.AddTotalsParams {
	return db.AddTotalsParams{
		ProjectID:             b.ProjectID,
		LastStamp:             max(a.LastStamp, b.LastStamp),
		LedgerEntries:         a.LedgerEntries + b.LedgerEntries,
		AffiliatesActive:      a.AffiliatesActive + b.AffiliatesActive,
		AffiliatesInactive:    a.AffiliatesInactive + b.AffiliatesInactive,
		CouponsActive:         a.CouponsActive + b.CouponsActive,
		CouponsInactive:       a.CouponsInactive + b.CouponsInactive,
		ReferralsPending:      a.ReferralsPending + b.ReferralsPending,
		ReferralsConverted:    a.ReferralsConverted + b.ReferralsConverted,
		ReferralsDirect:       a.ReferralsDirect + b.ReferralsDirect,
		ReferralsDirectSignup: a.ReferralsDirectSignup + b.ReferralsDirectSignup,
		SignupsUnpaid:         a.SignupsUnpaid + b.SignupsUnpaid,
		SignupsPaid:           a.SignupsPaid + b.SignupsPaid,
		PurchasesUnpaid:       a.PurchasesUnpaid + b.PurchasesUnpaid,
		PurchasesPaid:         a.PurchasesPaid + b.PurchasesPaid,
		PayoutsPending:        a.PayoutsPending + b.PayoutsPending,
		PayoutsPaid:           a.PayoutsPaid + b.PayoutsPaid,
		PayoutsCanceled:       a.PayoutsCanceled + b.PayoutsCanceled,
	}
}
