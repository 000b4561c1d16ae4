package damage_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
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

// How many files are damaged: 1 to 8 bytes of each.
const (
	flipSeeds     = 24
	flipSeedsLong = 2000
)

// TestFlippedBytes changes bytes of a healthy file at random and then asks everything,
// writes, and verifies. Nothing panics and nothing goes on forever. Every answer is the
// right one, or an error that can be told from others, or else Verify names damage;
// where it does not, nothing differs except what is stored only once.
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	seeds := flipSeeds
	if os.Getenv("REFGROW_SOAK") != "" {
		seeds = flipSeedsLong
	} else if testing.Short() {
		t.Skip("copies of a file, each for one goroutine")
	}
	path := lively(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := &flipping{whole: whole, pageSize: int(whole[16])<<8 | int(whole[17]), cells: cellsOf(t, path)}
	p := &program{&shoptest.Program{T: t}}
	if err := p.open(t.Context(), path, 0); err != nil {
		t.Fatal(err)
	}
	p.Verify()
	h.answers = p.askEverything(t.Context())
	for _, done := range p.doEverything(t.Context()) {
		if done.err != nil {
			t.Fatalf("%s returns %v on a healthy file", done.what, done.err)
		}
	}
	p.Verify()
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h.flip(t, uint64(seed))
		})
	}
}

// lively is the file of a program that has rows of all kinds.
func lively(t *testing.T) (path string) {
	t.Helper()
	p := copyOf(t, damageable(t))
	p.Clock.Set(lastOfLively.AddDate(0, 0, -1))
	ctx := refgrow.WithAttribution(t.Context(), refgrow.Attribution{ReferralCode: "mary", UserAgent: "Mozilla/5.0"})
	_, _, err := p.Shop.Once(refgrow.Idempotency{Caller: "a key", Key: "1"}).Do(ctx,
		func(*refgrow.Project) (refgrow.Answer, error) {
			return refgrow.Answer{Status: 201, Body: []byte(`{"success":true}`)}, nil
		})
	p.OK(err)
	mary := p.Affiliate("mary")
	_, err = p.Shop.UpdateAffiliate(ctx, mary.ID, refgrow.UpdateAffiliateParams{
		PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{
			PayPalEmail: "mary@pay.example", WiseAccountID: "77", WiseEmail: "mary@wise.example",
		}),
	})
	p.OK(err)
	p.Coupon(refgrow.CreateCouponParams{
		AffiliateID: mary.ID, Code: "Mary10", StripeCouponID: "co_1", LemonSqueezyDiscountCode: "lemon",
	})
	p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("3.00 USD"), CouponCode: "mary10", URL: "https://example.com/buy",
	})
	_, err = p.Shop.TrackSignup(ctx, refgrow.TrackSignupParams{Customer: refgrow.Customer{Email: "moe@example.com"}})
	p.OK(err)
	_, err = p.Shop.PayoutRuns().Make(ctx, refgrow.PayoutRunParams{
		Currency: "CHF", Idempotency: refgrow.Idempotency{Caller: "a key", Key: "2"},
	})
	p.OK(err)
	p.OK(p.Shop.DeleteAffiliate(ctx, p.Affiliate("gone").ID)) // whose code stays in use
	undone := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: 2, BaseValue: money.MustParse("3.00 USD"),
		Customer: refgrow.Customer{ExternalID: "ada"},
	})
	_, err = p.Shop.RefundConversion(ctx, undone.ID, refgrow.RefundConversionParams{Reason: "a mistake"})
	p.OK(err)
	p.OK(p.Shop.DeleteConversion(ctx, undone.ID))
	path = filepath.Join(t.TempDir(), "lively.db")
	p.OK(p.Engine.Backup(t.Context(), path))
	for table := range cellsOf(t, path) {
		// No backup has the keys, erasures last while somebody is being removed, and nothing
		// here is from before.
		if slices.Contains([]string{"refgrow_address_keys", "refgrow_erasures", "refgrow_old_names"}, table) {
			continue
		}
		if p.Count("SELECT COUNT(*) FROM "+table) == 0 {
			t.Errorf("the program has no row in %s", table)
		}
	}
	return path
}

// open opens the program of lively: by turns as a file of the engine's own, and as the
// app's.
func (p *program) open(ctx context.Context, path string, turn uint64) error {
	p.Helper()
	p.Clock = refgrowtest.NewClock()
	p.Clock.Set(lastOfLively)
	var store refgrow.Store
	if turn%4 == 3 {
		store = refgrow.SQLite(shoptest.OpenApp(p.T, path, 1))
	} else {
		database, err := sqlite.Open(ctx, path, sqlite.Options{Durability: sqlite.Normal})
		if err != nil {
			return err
		}
		p.Cleanup(func() { database.Close() })
		store = database
	}
	var err error
	p.Engine, err = refgrow.New(ctx, store, refgrow.Config{Now: p.Clock.Now, Logger: slog.New(slog.DiscardHandler)})
	return err
}

// A flipping has the healthy file, what it says, and what is in it.
type flipping struct {
	whole    []byte
	pageSize int
	answers  map[string]reply
	cells    map[string]map[string]cells
}

// damaged changes some bytes of the file. Most are in a row or an index: otherwise
// unused space and the text of the schema would be hit most of the time.
func (h *flipping) damaged(t *testing.T, random *rand.Rand) []byte {
	t.Helper()
	file := bytes.Clone(h.whole)
	for range 1 + random.IntN(8) {
		var at int
		for {
			at = random.IntN(len(file))
			page := h.whole[at/h.pageSize*h.pageSize:][:h.pageSize]
			if (file[at] != 0 || random.IntN(10) == 0) && (!bytes.Contains(page, []byte("CREATE ")) || random.IntN(20) == 0) {
				break
			}
		}
		before := file[at]
		file[at] ^= byte(1 + random.IntN(255))
		t.Logf("byte %d of page %d becomes %#02x, and was %#02x", at%h.pageSize, at/h.pageSize+1, file[at], before)
	}
	return file
}

func (h *flipping) flip(t *testing.T, seed uint64) {
	t.Helper()
	file := h.damaged(t, rand.New(rand.NewPCG(seed, 1)))
	path := filepath.Join(t.TempDir(), "flipped.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := &program{&shoptest.Program{T: t}}
	if err := p.open(ctx, path, seed); err != nil {
		if !typed(err) {
			t.Errorf("opening returns %v", err)
		}
		if now, err := os.ReadFile(path); err != nil || seed%4 != 3 && !bytes.Equal(now, file) {
			t.Errorf("the file that was refused has changed (%v)", err)
		}
		return
	}
	named := p.named(ctx)
	differ := []string{"unknown"}
	if !named {
		differ = differences(h.cells, cellsOf(t, path))
		for _, column := range differ {
			if _, ok := storedOnce()[column]; !ok {
				t.Errorf("%s is another one, and Verify does not name it", column)
			}
		}
	}
	got := p.askEverything(ctx)
	for _, question := range slices.Sorted(maps.Keys(got)) {
		said, right := got[question], h.answers[question]
		switch {
		case said.err != nil && !typed(said.err):
			t.Errorf("%s returns %v", question, said.err)
		case len(differ) == 0 && !said.same(right), !named && ofMoney(question) && !said.same(right):
			t.Errorf("%s: %s (%v), but should be %s (%v), and Verify does not name it",
				question, said.text, said.err, right.text, right.err)
		}
	}
	for _, done := range p.doEverything(ctx) {
		if done.err != nil && (len(differ) == 0 || !named && !typed(done.err)) {
			t.Errorf("%s returns %v, and Verify does not name it", done.what, done.err)
		}
	}
	if p.named(ctx) && !named {
		t.Error("Verify names damage after some writing, but did not before")
	}
	if ctx.Err() != nil {
		t.Error("it went on forever")
	}
}

// named reports whether Verify names damage.
func (p *program) named(ctx context.Context) bool {
	p.Helper()
	report, err := p.Engine.Verify(ctx)
	if err != nil {
		p.Errorf("Verify returns %v", err)
	}
	for i, d := range report.Differences {
		if i < 5 {
			p.Logf("Verify: %.200s", d)
		}
	}
	return len(report.Differences) > 0
}

func (a reply) same(b reply) bool {
	return a.text == b.text && fmt.Sprint(a.err) == fmt.Sprint(b.err)
}

// ofMoney reports whether the answer to a question is nothing but numbers that are
// checked, and their days.
func ofMoney(question string) bool {
	return slices.ContainsFunc([]string{": earnings of", ": count", ": statistics", ": days of"}, func(part string) bool {
		return strings.Contains(question, part)
	})
}

// A deed is something that was done to a program.
type deed struct {
	what string
	err  error
}

// doEverything writes a little of everything.
func (p *program) doEverything(ctx context.Context) []deed {
	p.Helper()
	var deeds []deed
	do := func(what string, work func() error) {
		p.Helper()
		a := &asker{program: p, answers: make(map[string]reply)}
		a.ask(what, func() (any, error) { return nil, work() })
		deeds = append(deeds, deed{what, a.answers[what].err})
	}
	var shop *refgrow.Project
	do("finding the project", func() (err error) {
		shop, err = p.Engine.Project(ctx, "shop")
		return err
	})
	if shop == nil {
		return deeds
	}
	usd := money.MustParse
	for i, params := range []refgrow.RecordConversionParams{
		{Type: refgrow.Purchase, AffiliateID: 2, BaseValue: usd("10.00 USD"), Reference: "new"},
		{
			Type: refgrow.Purchase, ReferralCode: "joe", BaseValue: usd("10.00 EUR"),
			Customer: refgrow.Customer{Email: "zoe@example.com"},
		},
		{Type: refgrow.Purchase, CouponCode: "SAVE", BaseValue: usd("10.00 USD"), Product: "pro"},
		{Type: refgrow.Purchase, Customer: refgrow.Customer{ExternalID: "ada"}, BaseValue: usd("10.00 EUR")},
		{Type: refgrow.Signup, Customer: refgrow.Customer{Email: "eve@example.com"}},
	} {
		do(fmt.Sprint("recording conversion ", i), func() error {
			_, err := shop.RecordConversion(ctx, params)
			return err
		})
	}
	do("refunding a conversion", func() error {
		_, err := shop.RefundConversion(ctx, 16, refgrow.RefundConversionParams{Amount: usd("1.00 EUR")})
		return err
	})
	do("changing a conversion", func() error {
		_, err := shop.UpdateConversion(ctx, 2, refgrow.UpdateConversionParams{Value: new(usd("21.00 USD"))})
		return err
	})
	do("deleting a conversion", func() error { return shop.DeleteConversion(ctx, 18) })
	do("adjusting", func() error {
		_, err := shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
			AffiliateID: 1, Amount: usd("1.00 USD"), Note: "bonus",
		})
		return err
	})
	do("changing a referred user", func() error {
		_, err := shop.UpdateReferral(ctx, 2, refgrow.UpdateReferralParams{Status: new(refgrow.ReferralConverted)})
		return err
	})
	do("running payouts", func() error {
		_, err := shop.RunPayouts(ctx, refgrow.PayoutRunParams{Currency: money.EUR})
		return err
	})
	do("paying", func() error {
		_, err := shop.PayPayout(ctx, 4, refgrow.PayPayoutParams{})
		return err
	})
	do("clicking", func() error {
		_, err := shop.RecordClicks(ctx, []refgrow.Click{{ReferralCode: "JANE"}, {ReferralCode: "joe"}})
		return err
	})
	do("claiming", func() error { return shop.ClaimSignup(ctx, "fay@example.com", "joe") })
	do("changing the settings", func() error {
		_, err := shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("31"))})
		return err
	})
	do("spreading events", func() error {
		for more := true; more; {
			var err error
			if more, err = p.Engine.Outbox().Spread(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	do("sending", func() error {
		attempts, _, err := p.Engine.Outbox().Claim(ctx, 1, 10, time.Minute)
		for _, a := range attempts {
			if err := p.Engine.Outbox().Finish(ctx, a, refgrow.AttemptResult{
				Outcome: refgrow.AttemptSucceeded, ResponseStatus: 200,
			}); err != nil {
				return err
			}
		}
		return err
	})
	do("the upkeep", func() error { return p.Engine.Upkeep(ctx) })
	do("pruning events", func() error {
		_, err := p.Engine.Outbox().Prune(ctx, p.Clock.Now().AddDate(0, 0, -30))
		return err
	})
	do("deleting an affiliate", func() error { return shop.DeleteAffiliate(ctx, 4) })
	return deeds
}
