package engine_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// keeping returns the columns of the engine's tables in which a text is, in any case.
func (p *program) keeping(text string) (columns []string) {
	p.Helper()
	rows, err := p.App.QueryContext(p.Context(), `
		SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name GLOB 'refgrow_*' ORDER BY 1, 2`)
	p.OK(err)
	defer rows.Close()
	var all [][2]string
	for rows.Next() {
		var of [2]string
		p.OK(rows.Scan(&of[0], &of[1]))
		all = append(all, of)
	}
	p.OK(rows.Err())
	for _, of := range all {
		if p.Count(fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE instr(lower(CAST(%s AS TEXT)), lower(?))", of[0], of[1]),
			text) > 0 {
			columns = append(columns, of[0]+"."+of[1])
		}
	}
	return columns
}

// keepsNothing checks that texts are nowhere.
func (p *program) keepsNothing(of string, texts ...string) {
	p.Helper()
	for _, text := range texts {
		if columns := p.keeping(text); len(columns) > 0 {
			p.Errorf("%s of %s is still in %s", text, of, strings.Join(columns, ", "))
		}
	}
}

// keeps checks that a text is in each of the columns: otherwise a test that nothing is
// kept would show nothing.
func (p *program) keeps(text string, columns ...string) {
	p.Helper()
	found := p.keeping(text)
	for _, column := range columns {
		if !slices.Contains(found, "refgrow_"+column) {
			p.Errorf("%s should be in %s first; it is in %s", text, column, strings.Join(found, ", "))
		}
	}
}

// answered records a conversion with an Idempotency-Key.
func (p *program) answered(key string, params refgrow.RecordConversionParams) (*refgrow.Conversion, error) {
	p.Helper()
	var made *refgrow.Conversion
	call := refgrow.Idempotency{Caller: "key", Key: key, Request: []byte(key)}
	_, _, err := p.Shop.Once(call).RecordConversion(p.Context(), params,
		func(c *refgrow.Conversion) refgrow.Answer {
			made = c
			return refgrow.Answer{Status: 201, Body: c.AppendJSON(nil)}
		})
	return made, err
}

// gone checks that a call is refused because its answer named somebody who is gone.
func (p *program) gone(what string, err error) {
	p.Helper()
	p.Refused(what, err, refgrow.ErrConflict, "Idempotency-Key")
	if own := new(refgrow.Error); errors.As(err, &own) && own.Code != refgrow.CodeErased {
		p.Errorf("%s: the code is %s", what, own.Code)
	}
}

// known is a program with jane, who has everything that an affiliate can have, and her
// customer carl, who also buys from joe.
func known(t *testing.T) (p *program, jane, joe *refgrow.Affiliate, carl int64) {
	t.Helper()
	p = inAppsFile(t, 3, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane, joe, carl = p.known()
	return p, jane, joe, carl
}

func (p *program) known() (jane, joe *refgrow.Affiliate, carl int64) {
	t := p.T
	t.Helper()
	p.Endpoint(refgrow.CreateWebhookParams{})
	joe = p.Affiliate("joe")
	jane, err := p.Shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
		Email: "jane@canary.example", ReferralCode: "CANARY-1", PartnerSlug: "canary-2",
		PayoutPreferences: refgrow.PayoutPreferences{
			PayPalEmail: "pay@canary.example", WiseEmail: "wise@canary.example", WiseAccountID: "4711004711",
			WiseName: "Canary Jane",
		},
	})
	p.OK(err)
	_, err = p.Shop.UpdateAffiliate(t.Context(), jane.ID, refgrow.UpdateAffiliateParams{ReferralCode: new("CANARY-3")})
	p.OK(err)
	p.Coupon(refgrow.CreateCouponParams{
		AffiliateID: jane.ID, Code: "CANARY-4", StripeCouponID: "canary-5", LemonSqueezyDiscountCode: "CANARY-6",
	})
	_, err = p.Shop.RecordClicks(t.Context(), []refgrow.Click{{
		ReferralCode: "canary-3", URL: "https://shop.example/canary-7?ref=CANARY-3", Referrer: "https://canary-8.example/",
		UserAgent: "Canary-9/1.0", Address: netip.MustParseAddr("192.0.2.1"),
	}})
	p.OK(err)
	p.OK(p.Shop.ClaimSignup(t.Context(), "visitor@claim.example", "canary-1"))
	first, err := p.answered("first", refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: "Canary-1", BaseValue: money.MustParse("100.00 USD"),
		Customer: refgrow.Customer{Email: "carl@canary.example", ExternalID: "canary-carl"},
		URL:      "https://shop.example/canary-10?ref=canary-1",
	})
	p.OK(err)
	carl = first.ReferredUserID
	_, err = p.Shop.RefundConversion(t.Context(), first.ID, refgrow.RefundConversionParams{Reason: "canary-11 is unhappy"})
	p.OK(err)
	// Joe gets the credit: jane's codes are candidates.
	p.Clock.Advance(time.Hour)
	others, err := p.answered("others", refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: joe.ID, CouponCode: "canary-4", ReferralCode: "canary-2",
		BaseValue: money.MustParse("50.00 USD"), Customer: refgrow.Customer{ID: carl},
		URL: "https://shop.example/canary-12?via=canary-2",
	})
	p.OK(err)
	_, err = p.Shop.RefundConversion(t.Context(), others.ID, refgrow.RefundConversionParams{
		Amount: money.MustParse("1.00 USD"), Reason: "canary-13 is unhappy",
	})
	p.OK(err)
	p.OK(p.Shop.ClaimSignup(t.Context(), "carl@canary.example", "joe"))
	_, err = p.answered("joes", refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: joe.ID, BaseValue: money.MustParse("7.00 USD"),
	})
	p.OK(err)
	p.Spread()
	p.Verify()
	return jane, joe, carl
}

// sent returns what all endpoints are sent from now on.
func (p *program) sent() string {
	p.Helper()
	p.Spread()
	var bodies strings.Builder
	hooks, err := p.Shop.Webhooks().List(p.Context(), refgrow.ListWebhooksParams{})
	p.OK(err)
	for i := range hooks.Items {
		for attempts := p.Claim(&hooks.Items[i]); len(attempts) > 0; attempts = p.Claim(&hooks.Items[i]) {
			for _, a := range attempts {
				bodies.Write(a.Body)
				p.Finish(a, refgrow.AttemptSucceeded)
			}
		}
	}
	return bodies.String()
}

// Whatever names a deleted affiliate or its customers is gone, wherever a copy was.
func TestDeletionLeavesNoCopyOfAnAffiliate(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p, jane, joe, _ := known(t)
	p.keeps("canary-1", "codes.code", "conversions.candidates", "events.data", "idempotency.body", "conversions.url",
		"claims.code")
	p.keeps("canary-4", "coupons.code", "conversions.coupon_code")
	p.keeps("canary-13", "ledger_entries.note")
	p.keeps("carl@canary.example", "referrals.email", "claims.email", "events.referral_email")
	p.keeps("pay@canary.example", "events.paypal_email")
	before := p.Earnings(joe)
	p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
	p.keepsNothing("jane", "canary", "4711004711")
	if n := p.Count("SELECT COUNT(*) FROM refgrow_erasures"); n != 0 {
		t.Errorf("%d deletions are unfinished", n)
	}
	if now := p.Earnings(joe); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("joe had %v, and has %v", before, now)
	}
	p.Verify()
	if sent := p.sent(); strings.Contains(sent, "canary") || !strings.Contains(sent, `"base_value":7`) {
		t.Errorf("what is sent afterwards is %s", sent)
	}
	_, err := p.answered("first", refgrow.RecordConversionParams{})
	p.Refused("a repeat with other fields", err, refgrow.ErrInvalid, "type")
	for _, key := range []string{"first", "others"} {
		_, err := p.answered(key, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"),
			Customer: refgrow.Customer{Email: "carl@canary.example"},
		})
		p.gone(key, err)
	}
	if made, err := p.answered("joes", refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"),
	}); made != nil || err != nil {
		t.Errorf("joe's call, which names nobody, gave %v (%v)", made, err)
	}
	p.keepsNothing("jane", "canary")
}

// The codes of a deleted affiliate lead to nobody for as long as cookies last, and then
// are free.
func TestCodesOfADeletedAffiliateStayInUse(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p, jane, _, _ := known(t)
	p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
	create := func(code, slug string) error {
		_, err := p.Shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
			Email: "new-" + code + "@example.com", ReferralCode: code, PartnerSlug: slug,
		})
		return err
	}
	codes := []string{"canary-1", "CANARY-2", "Canary-3"}
	refused := func() {
		t.Helper()
		for _, code := range codes {
			p.Refused("the code "+code, create(code, ""), refgrow.ErrConflict, "referral_code")
		}
		p.Refused("the slug", create("fine", "canary-1"), refgrow.ErrConflict, "partner_slug")
		joe, err := p.Shop.AffiliateByCode(t.Context(), "joe")
		p.OK(err)
		_, err = p.Shop.UpdateAffiliate(t.Context(), joe.ID, refgrow.UpdateAffiliateParams{ReferralCode: new("canary-3")})
		p.Refused("the code for another one", err, refgrow.ErrConflict, "referral_code")
		c := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, ReferralCode: "canary-1"})
		if d, err := c.Decision(); c.AffiliateID != 0 || d.Reason != refgrow.ReasonCodeUnknown || err != nil {
			t.Errorf("a sale through the link is credited to %d, because %s (%v)", c.AffiliateID, d.Reason, err)
		}
	}
	refused()
	p.Clock.Advance(59 * 24 * time.Hour)
	p.OK(p.Engine.Upkeep(t.Context()))
	refused()
	p.Clock.Advance(2 * 24 * time.Hour)
	p.OK(create("canary-1", "canary-2"))
	p.OK(p.Engine.Upkeep(t.Context()))
	if n := p.Count("SELECT COUNT(*) FROM refgrow_retired_codes"); n != 0 {
		t.Errorf("%d codes are still in use", n)
	}
	p.OK(create("canary-3", ""))
	p.Verify()
}

// Whatever names a deleted customer is gone, also under a name that was merged into it.
func TestDeletionLeavesNoCopyOfACustomer(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p, jane, joe, carl := known(t)
	twin, err := p.Shop.CreateReferral(t.Context(), refgrow.CreateReferralParams{Email: "twin@canary.example",
		AffiliateID: joe.ID})
	p.OK(err)
	_, err = p.Shop.UpdateReferral(t.Context(), twin.ID, refgrow.UpdateReferralParams{Email: new("twin2@canary.example")})
	p.OK(err)
	_, err = p.Shop.MergeReferrals(t.Context(), carl, twin.ID)
	p.OK(err)
	p.keeps("twin@canary.example", "events.data")
	before := []any{p.Earnings(jane), p.Earnings(joe)}
	p.OK(p.Shop.DeleteReferral(t.Context(), carl))
	p.keepsNothing("carl", "carl", "twin", "canary-10", "canary-11", "canary-12", "canary-13")
	p.keeps("canary-1", "codes.code", "conversions.candidates")
	if now := []any{p.Earnings(jane), p.Earnings(joe)}; fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("the affiliates had %v, and have %v", before, now)
	}
	p.Verify()
	if sent := p.sent(); strings.Contains(sent, "carl") || strings.Contains(sent, "twin") || !strings.Contains(sent,
		`"base_value":7`) {
		t.Errorf("what is sent afterwards is %s", sent)
	}
	for _, key := range []string{"first", "others"} {
		_, err := p.answered(key, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"),
			Customer: refgrow.Customer{Email: "carl@canary.example"},
		})
		p.gone(key, err)
	}
	_, err = p.Shop.GetReferral(t.Context(), carl)
	p.Refused("the customer", err, refgrow.ErrNotFound, "")
	p.Refused("a second deletion", p.Shop.DeleteReferral(t.Context(), carl), refgrow.ErrNotFound, "")
}

// The deliveries of an event that named somebody who is gone are canceled; those of
// others that waited behind one of them go on, and nothing of it can be replayed.
func TestEventsOfSomebodyWhoIsGone(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p := inAppsFile(t, 2, refgrow.Settings{Commission: refgrow.Percent("20")})
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	sale := p.Record(shoptest.Earning(jane, money.MustParse("10.00 USD")))
	p.Spread()
	tried := p.Claim(hook)
	if len(tried) != 1 {
		t.Fatalf("%d deliveries are due", len(tried))
	}
	p.OK(p.Engine.Outbox().Finish(t.Context(), tried[0], refgrow.AttemptResult{
		Outcome: refgrow.AttemptRetry, ResponseStatus: 500, RetryAt: p.Clock.Now(),
		Error: "the endpoint answered: no jane@example.com here",
	}))
	p.Update(sale, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	p.keeps("jane@example.com", "deliveries.error")
	p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
	p.keepsNothing("jane", "jane")
	log, err := p.Shop.Webhooks().ListDeliveries(t.Context(), hook.ID, refgrow.ListDeliveriesParams{})
	p.OK(err)
	for _, d := range log.Items {
		if d.Status != refgrow.DeliveryCanceled || d.Error != "" {
			t.Errorf("delivery %d is %s: %s", d.ID, d.Status, d.Error)
		}
		_, err := p.Shop.Webhooks().ReplayDelivery(t.Context(), hook.ID, d.ID)
		p.Refused("a replay", err, refgrow.ErrConflict, "")
	}
	if n, err := p.Shop.Webhooks().Replay(t.Context(), hook.ID, p.Clock.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("%d events are replayed (%v)", n, err)
	}
	p.Clock.Advance(time.Hour)
	if sent := p.sent(); strings.Contains(sent, "jane") || !strings.Contains(sent, "referral_updated") {
		t.Errorf("what is sent afterwards is %s", sent)
	}
	p.Verify()
}

// An erased affiliate keeps its books under the id, and nothing that names it.
func TestErasingAnAffiliate(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p, jane, joe, carl := known(t)
	_, err := p.Shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
		AffiliateID: jane.ID, Amount: money.MustParse("5.00 USD"), Note: "canary-14, a bonus",
	})
	p.OK(err)
	runs, err := p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
	p.OK(err)
	_, err = p.Shop.EraseAffiliate(t.Context(), jane.ID)
	p.Refused("erasing while a payout is pending", err, refgrow.ErrConflict, "")
	for _, payout := range runs {
		if payout.AffiliateID != jane.ID {
			continue
		}
		_, err = p.Shop.PayPayout(t.Context(), payout.ID,
			refgrow.PayPayoutParams{ExternalReference: fmt.Sprint("bank-", payout.ID)})
		p.OK(err)
		_, err = p.Shop.ReturnPayout(t.Context(), payout.ID, refgrow.ReturnPayoutParams{Note: "canary-15 has no account"})
		p.OK(err)
	}
	p.keeps("canary-14", "ledger_entries.note")
	p.keeps("canary-15", "payouts.return_note")
	before := []any{p.Earnings(jane), p.Earnings(joe)}
	was, err := p.Shop.GetAffiliate(t.Context(), jane.ID)
	p.OK(err)
	for range 2 {
		is, err := p.Shop.EraseAffiliate(t.Context(), jane.ID)
		p.OK(err)
		if want := fmt.Sprintf("erased-%d", jane.ID); is.Email != want+"@erased.invalid" || is.ReferralCode != want ||
			is.PartnerSlug != want || is.Status != refgrow.AffiliateInactive || is.Clicks != was.Clicks ||
			is.Purchases != was.Purchases || is.PayoutPreferences != (refgrow.PayoutPreferences{}) {
			t.Errorf("what is left is %+v", is)
		}
		p.Verify()
	}
	p.keepsNothing("jane", "jane", "=canary-1\"", "\"canary-1\"", "canary-2", "canary-3", "canary-4", "canary-5",
		"canary-6",
		"canary-8", "canary-9", "canary-14", "canary-15", "canary jane", "pay@", "wise@", "4711004711", "visitor@")
	if now := []any{p.Earnings(jane), p.Earnings(joe)}; fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("the affiliates had %v, and have %v", before, now)
	}
	if sent := p.sent(); strings.Contains(sent, "jane") || strings.Contains(sent, "pay@") || !strings.Contains(sent,
		`"base_value":7`) {
		t.Errorf("what is sent afterwards is %s", sent)
	}
	if c, err := p.Shop.GetReferral(t.Context(), carl); err != nil || c.Email != "carl@canary.example" ||
		c.AffiliateID != jane.ID {
		t.Errorf("the customer is %+v (%v)", c, err)
	}
	for _, coupon := range []string{"CANARY-4", "new"} {
		_, err = p.Shop.CreateCoupon(t.Context(), refgrow.CreateCouponParams{AffiliateID: joe.ID, Code: coupon})
		if coupon == "new" {
			p.OK(err)
		} else {
			p.Refused("its coupon for another one", err, refgrow.ErrConflict, "coupon_code")
		}
	}
	p.Clock.Advance(1000 * 24 * time.Hour)
	p.OK(p.Engine.Upkeep(t.Context()))
	_, err = p.Shop.UpdateAffiliate(t.Context(), joe.ID,
		refgrow.UpdateAffiliateParams{PartnerSlug: refgrow.Set("canary-1")})
	p.Refused("its code for another one", err, refgrow.ErrConflict, "partner_slug")
	_, err = p.Shop.UpdateAffiliate(t.Context(), jane.ID,
		refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateActive)})
	p.Refused("activating it", err, refgrow.ErrConflict, "")
	_, err = p.Shop.UpdateAffiliate(t.Context(), joe.ID,
		refgrow.UpdateAffiliateParams{Email: new("erased-9@erased.invalid")})
	p.Refused("an email that is kept for the erased", err, refgrow.ErrInvalid, "email")
	_, err = p.Shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
		AffiliateID: jane.ID, Amount: money.MustParse("50.00 USD"), Note: "to the estate",
	})
	p.OK(err)
	for _, payout := range must(p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})) {
		if payout.AffiliateID == jane.ID {
			t.Errorf("a run pays the erased affiliate %+v", payout)
		}
	}
	_, err = p.Shop.UpdateConversion(t.Context(), p.sell(joe, "").ID,
		refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	p.Refused("moving a sale to it", err, refgrow.ErrConflict, "affiliate_id")
	for code, reason := range map[string]refgrow.Reason{"canary-3": refgrow.ReasonCodeUnknown} {
		c := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, ReferralCode: code, CouponCode: "canary-4"})
		if d, err := c.Decision(); c.AffiliateID != 0 || d.Reason != reason || err != nil {
			t.Errorf("a sale through %s is credited to %d, because %s (%v)", code, c.AffiliateID, d.Reason, err)
		}
	}
	p.Verify()
	p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
	p.Verify()
}

// In a file of the engine's own nothing of an erased person is left even for somebody who
// reads its bytes, nor in the log beside it: at once, or, while somebody reads, after the
// next upkeep.
func TestErasedBytes(t *testing.T) {
	t.Parallel()
	erase := func(ctx context.Context, shop *refgrow.Project, jane, carl int64) error {
		if _, err := shop.EraseAffiliate(ctx, jane); err != nil {
			return err
		}
		_, err := shop.EraseReferral(ctx, carl)
		return err
	}
	for name, erase := range map[string]func(p *program, path string, jane, carl int64) error{
		"erased": func(p *program, _ string, jane, carl int64) error { return erase(p.Context(), p.Shop, jane, carl) },
		"erased by another process": func(p *program, path string, jane, carl int64) error {
			database, err := sqlite.Open(p.Context(), path, sqlite.Options{Durability: sqlite.Normal})
			p.OK(err)
			defer database.Close()
			engine, _ := refgrowtest.On(p, database)
			shop, err := engine.Project(p.Context(), "shop")
			p.OK(err)
			return erase(p.Context(), shop, jane, carl)
		},
		"deleted": func(p *program, _ string, jane, _ int64) error { return p.Shop.DeleteAffiliate(p.Context(), jane) },
	} {
		for _, inTheWay := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " while somebody reads: ", inTheWay), func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "refgrow.db")
				database, err := sqlite.Open(t.Context(), path, sqlite.Options{Durability: sqlite.Normal})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { database.Close() })
				p := programOn(t, database, shoptest.OpenApp(t, path, 2), refgrow.Settings{Commission: refgrow.Percent("20")})
				left := func() (found []string) {
					for _, file := range []string{path, path + "-wal"} {
						text, err := os.ReadFile(file)
						p.OK(err)
						for _, word := range []string{"canary", "4711004711"} {
							if n := bytes.Count(bytes.ToLower(text), []byte(word)); n > 0 {
								found = append(found, fmt.Sprintf("%s has %s %d times", filepath.Base(file), word, n))
							}
						}
					}
					return found
				}
				jane, _, carl := p.known()
				if len(left()) == 0 {
					t.Fatal("nothing is there first")
				}
				p.OK(p.Engine.Upkeep(t.Context()))
				reader, err := p.App.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
				p.OK(err)
				defer reader.Rollback()
				if inTheWay {
					var n int
					p.OK(reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM refgrow_affiliates").Scan(&n))
				} else {
					p.OK(reader.Rollback())
				}
				p.OK(erase(p, path, jane.ID, carl))
				if found := left(); (len(found) > 0) != inTheWay {
					t.Errorf("what is left is %v", found)
				}
				p.OK(p.Engine.Upkeep(t.Context())) // says that it has to wait
				p.OK(ignoringDone(reader.Rollback()))
				p.OK(p.Engine.Upkeep(t.Context()))
				if found := left(); len(found) > 0 {
					t.Errorf("after the upkeep %v", found)
				}
				p.Verify()
			})
		}
	}
}

func ignoringDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// A coupon is found by its code and by the ids of payment providers. Whatever an erased
// affiliate's coupons were ever found by is nowhere, and is nobody else's; what only looks
// like a code stays.
func TestErasingCoupons(t *testing.T) {
	t.Parallel()
	for _, deletes := range []bool{false, true} {
		p := inAppsFile(t, 3, refgrow.Settings{Commission: refgrow.Percent("20")})
		p.Endpoint(refgrow.CreateWebhookParams{})
		joe := p.Affiliate("joe")
		jane, err := p.Shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
			Email: "jane@example.com", ReferralCode: "CANARY", PartnerSlug: "pro",
		})
		p.OK(err)
		kept := p.Coupon(refgrow.CreateCouponParams{
			AffiliateID: jane.ID, Code: "CANARY-4", StripeCouponID: "Canary-5", LemonSqueezyDiscountCode: "CANARY-6",
		})
		gone := p.Coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "CANARY-7", StripeCouponID: "canary-8"})
		p.OK(p.Shop.ClaimSignup(t.Context(), "visitor@example.com", "nobody.canary"))
		sale := refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("10.00 USD"), AffiliateID: joe.ID,
			ReferralCode: "nobody.Canary.joe", URL: "https://shop.example/?via=pro&sub=pro&utm_source=pro",
		}
		names := []string{"canary-4", "Canary-5", "CANARY-6", "Canary-7", "canary-8"}
		for _, sale.CouponCode = range names {
			_, err := p.answered(sale.CouponCode, sale)
			p.OK(err)
		}
		sale.CouponCode, sale.URL, sale.ReferralCode = "", "https://shop.example/?sub=pro&product=canary", "joe"
		others, err := p.answered("others", sale)
		p.OK(err)
		_, err = p.Shop.UpdateCoupon(t.Context(), kept.ID, refgrow.UpdateCouponParams{
			Code: new("NEWCANARY"), StripeCouponID: refgrow.Clear[string](),
		})
		p.OK(err)
		p.OK(p.Shop.DeleteCoupon(t.Context(), gone.ID))
		p.Spread()
		if deletes {
			p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
		} else {
			_, err := p.Shop.EraseAffiliate(t.Context(), jane.ID)
			p.OK(err)
		}
		p.keepsNothing("jane", "jane", "canary-", "newcanary", "canary.joe", "via=pro")
		if c, err := p.Shop.GetConversion(t.Context(), others.ID); err != nil || c.URL != sale.URL {
			t.Errorf("a sale that does not name jane has the page %s (%v)", c.URL, err)
		}
		if c, err := p.Shop.GetConversion(t.Context(), 1); err != nil ||
			c.ReferralCode != fmt.Sprintf("nobody.erased-%d.joe", jane.ID) ||
			c.URL != fmt.Sprintf("https://shop.example/?via=erased-%d&sub=pro&utm_source=pro", jane.ID) {
			t.Errorf("a sale through several codes is %+v (%v)", c, err)
		}
		if sent := p.sent(); strings.Count(sent, `"event":"referral_converted"`) != 1+len(names) ||
			!strings.Contains(sent, "product=canary") || strings.Contains(sent, "canary-") ||
			!strings.Contains(sent, fmt.Sprintf(`"referral_code":"nobody.erased-%d.joe"`, jane.ID)) {
			t.Errorf("what is sent afterwards is %s", sent)
		}
		if made, err := p.answered("others", sale); made != nil || err != nil {
			t.Errorf("a call that does not name jane gave %v (%v)", made, err)
		}
		p.Verify()
		if deletes {
			continue
		}
		for i, name := range append(names, "newcanary") {
			for field, params := range map[string]refgrow.CreateCouponParams{
				"coupon_code": {Code: name}, "stripe_coupon_id": {Code: fmt.Sprint("FREE-", i), StripeCouponID: name},
				"lemonsqueezy_discount_code": {Code: fmt.Sprint("FREE-", i), LemonSqueezyDiscountCode: name},
			} {
				params.AffiliateID = joe.ID
				_, err := p.Shop.CreateCoupon(t.Context(), params)
				p.Refused(name+" as a "+field, err, refgrow.ErrConflict, field)
			}
		}
	}
}

// A coupon that was passed on names whoever has it now, and so does a provider's id that
// coupons of several affiliates have: erasing one of these loses nothing of the other.
func TestErasingAFormerOwnerOfACoupon(t *testing.T) {
	t.Parallel()
	for _, deletes := range []bool{false, true} {
		p := inAppsFile(t, 3, refgrow.Settings{Commission: refgrow.Percent("20")})
		p.Endpoint(refgrow.CreateWebhookParams{})
		jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
		passedOn := p.Coupon(refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "SAVE10", StripeCouponID: "co_save"})
		for _, of := range []int64{jane.ID, joe.ID} {
			p.Coupon(refgrow.CreateCouponParams{AffiliateID: of, Code: fmt.Sprint("SHARED-", of), StripeCouponID: "co_Shared"})
		}
		names := []string{"save10", "co_save", "co_Shared"}
		sale := refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("10.00 USD")}
		for _, sale.CouponCode = range names {
			_, err := p.answered("before "+sale.CouponCode, sale)
			p.OK(err)
		}
		_, err := p.Shop.UpdateCoupon(t.Context(), passedOn.ID, refgrow.UpdateCouponParams{AffiliateID: new(joe.ID)})
		p.OK(err)
		var his []*refgrow.Conversion
		sale.AffiliateID = joe.ID
		for _, sale.CouponCode = range names {
			c, err := p.answered("his "+sale.CouponCode, sale)
			p.OK(err)
			his = append(his, c)
		}
		p.Spread()
		if deletes {
			p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
		} else {
			_, err := p.Shop.EraseAffiliate(t.Context(), jane.ID)
			p.OK(err)
		}
		sent := p.sent()
		for i, c := range his {
			if now, err := p.Shop.GetConversion(t.Context(), c.ID); err != nil || now.CouponCode != names[i] {
				t.Errorf("his sale is %+v (%v)", now, err)
			}
			if !strings.Contains(sent, fmt.Sprintf(`"coupon_code_used":%q`, names[i])) {
				t.Errorf("of his sale with %s nothing is sent: %s", names[i], sent)
			}
			sale.CouponCode = names[i]
			if made, err := p.answered("his "+names[i], sale); made != nil || err != nil {
				t.Errorf("a call that does not name jane gave %v (%v)", made, err)
			}
		}
		sale.AffiliateID = 0
		for _, sale.CouponCode = range names {
			if c := p.Record(sale); c.AffiliateID != joe.ID {
				t.Errorf("a sale with %s is credited to %d", sale.CouponCode, c.AffiliateID)
			}
		}
		p.Verify()
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// An erased customer keeps the sales, and gets no name again.
func TestErasingACustomer(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p, jane, joe, carl := known(t)
	before := []any{p.Earnings(jane), p.Earnings(joe)}
	for range 2 {
		is, err := p.Shop.EraseReferral(t.Context(), carl)
		p.OK(err)
		if is.Email != fmt.Sprintf("erased-%d@erased.invalid", carl) || is.ExternalID != "" || is.AffiliateID != jane.ID ||
			is.Status != refgrow.ReferralConverted {
			t.Errorf("what is left is %+v", is)
		}
		p.keepsNothing("carl", "carl", "canary-10", "canary-11", "canary-12", "canary-13")
		p.Verify()
	}
	if now := []any{p.Earnings(jane), p.Earnings(joe)}; fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("the affiliates had %v, and have %v", before, now)
	}
	if n, err := p.Shop.CountConversions(t.Context(), refgrow.ListConversionsParams{ReferredUserID: carl}); n != 2 ||
		err != nil {
		t.Errorf("the customer has %d conversions (%v)", n, err)
	}
	again := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("10.00 USD"),
		Customer: refgrow.Customer{ID: carl, Email: "carl@canary.example", ExternalID: "canary-carl"},
	})
	if again.ReferredUserID != carl || again.AffiliateID != jane.ID {
		t.Errorf("a sale that names the id is %+v", again)
	}
	p.keepsNothing("carl, who is named again", "carl")
	_, err := p.Shop.UpdateReferral(t.Context(), carl, refgrow.UpdateReferralParams{Email: new("carl@canary.example")})
	p.Refused("an email for an erased customer", err, refgrow.ErrConflict, "email")
	other := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup,
		Customer: refgrow.Customer{Email: "carl@canary.example"}})
	if other.ReferredUserID == carl || other.ReferredUserID == 0 {
		t.Errorf("whoever has the email now is customer %d", other.ReferredUserID)
	}
	p.Verify()
}

// A backup has no key under which addresses of visitors were hashed, not even in a page
// that is free.
func TestBackupsHaveNoAddressKeys(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	p, _, _, _ := known(t)
	var key []byte
	p.OK(p.App.QueryRowContext(t.Context(), "SELECT key FROM refgrow_address_keys").Scan(&key))
	path := filepath.Join(t.TempDir(), "copy.db")
	p.OK(p.Engine.Backup(t.Context(), path))
	copied, err := os.ReadFile(path)
	p.OK(err)
	if len(key) != 32 || bytes.Contains(copied, key) || bytes.Contains(copied, key[:8]) {
		t.Error("the copy has the key")
	}
	if n := p.Count("SELECT COUNT(*) FROM refgrow_address_keys"); n != 1 {
		t.Errorf("the program itself has %d keys", n)
	}
	left, err := filepath.Glob(path + "?*")
	p.OK(err)
	if len(left) > 0 {
		t.Errorf("beside the copy there is %v", left)
	}
	of, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	p.OK(err)
	defer of.Close()
	restored, err := refgrow.New(t.Context(), of, refgrow.Config{Now: p.Clock.Now})
	p.OK(err)
	report, err := restored.Verify(t.Context())
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("Verify of the copy reports %v (%v)", report.Differences, err)
	}
}
