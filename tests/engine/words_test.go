package engine_test

import (
	"slices"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/attribution"
	"github.com/refgrow-go/refgrow/internal/clicks"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/pricing"
)

// The words that callers see are those that the database keeps.
func TestWords(t *testing.T) {
	t.Parallel()
	for _, word := range []struct{ public, kept string }{
		{string(refgrow.Purchase), pricing.Purchase},
		{string(refgrow.Signup), pricing.Signup},
		{string(refgrow.Lifetime), string(pricing.Lifetime)},
		{string(refgrow.FirstPurchase), string(pricing.FirstPurchase)},
		{string(refgrow.CommissionByRule), string(pricing.ByRule)},
		{string(refgrow.CommissionCustomerUnknown), string(pricing.CustomerUnknown)},
		{string(refgrow.CommissionGiven), string(pricing.Given)},
		{string(refgrow.CommissionUnattributed), string(pricing.Unattributed)},
		{string(refgrow.CommissionBeyondDuration), string(pricing.BeyondDuration)},
		{string(refgrow.CommissionOtherCurrency), string(pricing.OtherCurrency)},
		{string(refgrow.ReasonAffiliateID), string(attribution.ReasonAffiliateID)},
		{string(refgrow.ReasonCustomer), string(attribution.ReasonCustomer)},
		{string(refgrow.ReasonCoupon), string(attribution.ReasonCoupon)},
		{string(refgrow.ReasonReferralCode), string(attribution.ReasonReferralCode)},
		{string(refgrow.ReasonMoved), string(attribution.ReasonMoved)},
		{string(refgrow.ReasonNone), string(attribution.ReasonNone)},
		{string(refgrow.ReasonAffiliateInactive), string(attribution.ReasonAffiliateInactive)},
		{string(refgrow.ReasonCodeUnknown), string(attribution.ReasonCodeUnknown)},
		{string(refgrow.ReasonSelfReferral), string(attribution.ReasonSelfReferral)},
		{string(refgrow.OutcomeCredited), string(attribution.OutcomeCredited)},
		{string(refgrow.OutcomeOutranked), string(attribution.OutcomeOutranked)},
		{string(refgrow.OutcomeInactive), string(attribution.OutcomeInactive)},
		{string(refgrow.OutcomeUnknown), string(attribution.OutcomeUnknown)},
		{string(refgrow.OutcomeAmbiguous), string(attribution.OutcomeAmbiguous)},
		{string(refgrow.OutcomeRefused), string(attribution.OutcomeRefused)},
		{string(refgrow.SelfReferralRefuse), string(attribution.SelfReferralRefuse)},
		{string(refgrow.SelfReferralFlag), string(attribution.SelfReferralFlag)},
		{string(refgrow.SelfReferralAllow), string(attribution.SelfReferralAllow)},
		{string(refgrow.EntryCommission), string(ledger.Commission)},
		{string(refgrow.EntryCorrection), string(ledger.Correction)},
		{string(refgrow.EntryReversal), string(ledger.Reversal)},
		{string(refgrow.EntryAdjustment), string(ledger.Adjustment)},
		{string(refgrow.EntrySettlement), string(ledger.Settlement)},
		{string(refgrow.PayoutPending), ledger.PayoutPending},
		{string(refgrow.PayoutPaid), ledger.PayoutPaid},
		{string(refgrow.PayoutCanceled), ledger.PayoutCanceled},
		{string(refgrow.EventReferralSignedUp), string(outbox.SignedUp)},
		{string(refgrow.EventReferralConverted), string(outbox.Converted)},
		{string(refgrow.EventReferralUpdated), string(outbox.Updated)},
		{string(refgrow.EventReferralCanceled), string(outbox.Canceled)},
		{string(refgrow.EventPayoutUpdated), string(outbox.PayoutUpdated)},
		{string(refgrow.EventAffiliateUpdated), string(outbox.AffiliateUpdated)},
		{string(refgrow.AttemptSucceeded), string(outbox.Succeeded)},
		{string(refgrow.AttemptRetry), string(outbox.Retry)},
		{string(refgrow.AttemptFailed), string(outbox.Failed)},
		{string(refgrow.AttemptGone), string(outbox.Gone)},
		{string(refgrow.DeliverySucceeded), outbox.DeliverySucceeded},
		{string(refgrow.DeliveryFailed), outbox.DeliveryFailed},
		{string(refgrow.WebhookActive), outbox.EndpointActive},
	} {
		if word.public != word.kept {
			t.Errorf("callers see %q, and the database has %q", word.public, word.kept)
		}
	}
	if refgrow.MaxDuration != pricing.MaxDuration {
		t.Errorf("a duration has at most %d months, and a rule %d", refgrow.MaxDuration, pricing.MaxDuration)
	}
}

// The bounds that callers read are those that hold.
func TestBounds(t *testing.T) {
	t.Parallel()
	for _, bound := range []struct{ public, held int64 }{
		{refgrow.MaxQueuedClicks, clicks.MaxQueued},
		{int64(refgrow.RepeatWindow), int64(clicks.RepeatWindow)},
		{refgrow.MinSecret, outbox.MinSecret},
		{refgrow.MaxSecret, outbox.MaxSecret},
	} {
		if bound.public != bound.held {
			t.Errorf("callers read %d, and %d holds", bound.public, bound.held)
		}
	}
	same := func(public refgrow.Event, kept outbox.Event) bool { return string(public) == string(kept) }
	if !slices.EqualFunc(refgrow.Events(), outbox.Events(), same) {
		t.Errorf("callers read the events %q, and there are %q", refgrow.Events(), outbox.Events())
	}
}
