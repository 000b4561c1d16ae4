package engine_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// An empty text in a change is a mistake, and does not mean the default.
func TestSettingsRefuseEmptyTexts(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{
		Currency: "EUR", SelfReferral: refgrow.SelfReferralAllow, Commission: refgrow.Percent("20"),
	})
	before, err := p.Shop.Settings(t.Context())
	p.OK(err)
	for field, change := range map[string]refgrow.UpdateSettingsParams{
		"currency":      {Currency: new(money.Currency(""))},
		"self_referral": {SelfReferral: new(refgrow.SelfReferral(""))},
	} {
		change.HoldDays = new(30)
		_, err := p.Shop.UpdateSettings(t.Context(), change)
		p.Refused("an empty "+field, err, refgrow.ErrInvalid, field)
	}
	if after, err := p.Shop.Settings(t.Context()); err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("the settings were %+v and are %+v (%v)", before, after, err)
	}
}

// A change of the project's currency leaves what was recorded in its own, which is
// named from then on.
func TestCurrencyChangeNamesWhatWasRecorded(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{SignupCommission: refgrow.Fixed(money.MustParse("5.00 USD"))})
	jane := p.Affiliate("jane")
	given := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, Value: money.MustParse("7.00 USD")})
	plain := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	euros := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, Value: money.MustParse("3.00 EUR")})
	other, err := p.Engine.CreateProject(t.Context(), "other", refgrow.Settings{})
	p.OK(err)
	others, err := other.RecordConversion(t.Context(), refgrow.RecordConversionParams{Type: refgrow.Signup})
	p.OK(err)
	if given.BaseCurrency != "" || plain.BaseCurrency != "" {
		t.Fatalf("before the change the currencies are %q and %q", given.BaseCurrency, plain.BaseCurrency)
	}
	for _, currency := range []money.Currency{"JPY", "EUR"} {
		_, err := p.Shop.UpdateSettings(t.Context(), refgrow.UpdateSettingsParams{
			Currency: &currency, SignupCommission: new(refgrow.Percent("0")),
		})
		p.OK(err)
		for _, want := range []*refgrow.Conversion{given, plain, euros} {
			got, err := p.Shop.GetConversion(t.Context(), want.ID)
			p.OK(err)
			if got.Value != want.Value || got.BaseCurrency != want.Value.Currency() {
				t.Errorf("with the project in %s, %v is %v, with the currency %q",
					currency, want.Value, got.Value, got.BaseCurrency)
			}
		}
		p.Verify()
	}
	if got, err := other.GetConversion(t.Context(), others.ID); err != nil || got.BaseCurrency != "" {
		t.Errorf("in another project the currency is %q (%v)", got.BaseCurrency, err)
	}
	// What is recorded now is in the new currency, and what was before enters the
	// books in its own.
	if now := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup}); now.Value.Currency() != "EUR" ||
		now.BaseCurrency != "" {
		t.Errorf("a signup is now in %v, with the currency %q", now.Value, now.BaseCurrency)
	}
	for _, c := range []*refgrow.Conversion{given, euros} {
		p.Update(c, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	}
	balances := p.Earnings(jane)
	if len(balances) != 2 || balances[0].Total != money.MustParse("3.00 EUR") ||
		balances[1].Total != money.MustParse("7.00 USD") {
		t.Errorf("the balances are %+v", balances)
	}
	p.Verify()
	_, err = p.Shop.UpdateSettings(t.Context(), refgrow.UpdateSettingsParams{Currency: new(money.USD)})
	p.Refused("a currency after the first entry", err, refgrow.ErrConflict, "currency")
}

// The longest name is counted in characters, not in bytes.
func TestProjectNameLength(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	for _, name := range []string{strings.Repeat("n", 100), strings.Repeat("é", 100), strings.Repeat("名", 100)} {
		made, err := p.Engine.CreateProject(t.Context(), name, refgrow.Settings{})
		p.OK(err)
		found, err := p.Engine.Project(t.Context(), name)
		p.OK(err)
		if found.ID() != made.ID() || found.Name() != name {
			t.Errorf("%q is found as %q", name, found.Name())
		}
		_, err = p.Engine.CreateProject(t.Context(), name+"n", refgrow.Settings{})
		p.Refused("a longer name", err, refgrow.ErrInvalid, "name")
	}
}

// An app applies its settings at each start: that writes only what differs.
func TestApplyingTheSameSettingsWritesNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	given := refgrow.Settings{
		Commission: refgrow.Percent("20.0"), HoldDays: 30,
		AllowedOrigins: []string{"https://www.example.com", "https://example.com"},
	}
	p := inOwnFile(t, given)
	written := func(settings refgrow.Settings) int64 {
		t.Helper()
		before := p.Engine.Stats().Operations
		if _, err := p.Shop.ApplySettings(ctx, settings); err != nil {
			t.Fatal(err)
		}
		return p.Engine.Stats().Operations - before
	}
	if n := written(given); n != 0 {
		t.Errorf("the same settings wrote %d changes", n)
	}
	given.HoldDays = 14
	if n := written(given); n != 1 {
		t.Errorf("another hold wrote %d changes", n)
	}
	if n := written(given); n != 0 {
		t.Errorf("the same hold again wrote %d changes", n)
	}
}
