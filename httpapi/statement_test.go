package httpapi_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A statement with very many entries is written in pages, as JSON and as CSV, also where
// one payout settles very many of them.
func TestLongStatementsTakeLittleMemory(t *testing.T) {
	single(t) // not in parallel: memory is counted
	sales, most := 5_000, int64(1<<20)
	if fullAttack() {
		sales, most = 200_000, 16<<20
	}
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20")}, noLimit)
	ctx := t.Context()
	jane, err := w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com"})
	must(t, err)
	for done := 0; done < sales; done += 1000 {
		must(t, w.shop.Atomic(ctx, func(shop *refgrow.Project) error {
			for range 1000 {
				if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
					Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("10.00 USD"),
				}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	w.clock.Advance(time.Hour)
	w.do(t, "POST", "/payouts", "").ok(t, 201)
	w.do(t, "POST", "/payouts/1/pay", "").ok(t, 200)
	for _, format := range []string{"json", "csv"} {
		request := w.request("GET", "/affiliates/1/statement?month=2026-01&format="+format, "")
		before := inUse()
		m := &meter{ResponseWriter: httptest.NewRecorder()}
		w.mux.ServeHTTP(m, request)
		if want := 2 * sales * 60; m.bytes < want {
			t.Errorf("%s: %d bytes, but there should be more than %d", format, m.bytes, want)
		}
		more := int64(m.most) - int64(before)
		t.Logf("%s: %d entries, %d bytes, took %d KiB", format, 2*sales, m.bytes, more>>10)
		if more > most {
			t.Errorf("%s of %d bytes took %d bytes of memory", format, m.bytes, more)
		}
	}
}
