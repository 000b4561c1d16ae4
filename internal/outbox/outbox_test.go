package outbox

import (
	"slices"
	"testing"
)

func TestEventsOfKinds(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Kind][]Event{
		PurchaseRecorded:  {Converted, Updated},
		SignupRecorded:    {SignedUp, Converted, Updated},
		ConversionChanged: {Updated},
		ConversionGone:    {Canceled},
		ReferralCreated:   {SignedUp},
		ReferralChanged:   {Updated},
		TestOf(Converted): nil,
		"unknown":         nil,
	} {
		if got := kind.events(); !slices.Equal(got, want) {
			t.Errorf("the events of %s are %q, but should be %q", kind, got, want)
		}
	}
}

func TestKindsOfTests(t *testing.T) {
	t.Parallel()
	for _, event := range Events() {
		if got, ok := TestOf(event).Tested(); !ok || got != event {
			t.Errorf("the test of %s is one of %s (%t)", event, got, ok)
		}
	}
	if _, ok := ConversionGone.Tested(); ok {
		t.Errorf("%s is a test", ConversionGone)
	}
}

// A conversion, a referred user and a test never wait for each other.
func TestLanesAreApart(t *testing.T) {
	t.Parallel()
	for _, id := range []int64{1, 2, 1 << 52} {
		lanes := []int64{ConversionLane(id), ReferralLane(id), TestLane(id), 0}
		slices.Sort(lanes)
		if len(slices.Compact(lanes)) != 4 {
			t.Errorf("the lanes of %d are %d", id, lanes)
		}
	}
}
