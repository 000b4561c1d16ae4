package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

// An onlooker looks at the affiliate program in the database of another process.
type onlooker struct {
	engine  *refgrow.Engine
	project *refgrow.Project
	// click makes a click on a code reach the other process.
	click    func(t *testing.T, code string)
	barriers int
}

// look opens the database, which is made if there is none.
func look(t *testing.T, file string) *refgrow.Engine {
	t.Helper()
	database, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := refgrow.New(t.Context(), database, refgrow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		report, err := engine.Verify(ctx)
		if err != nil || len(report.Differences) > 0 {
			t.Errorf("the books: %v %v", report.Differences, err)
		}
		if err := errors.Join(engine.Close(ctx), database.Close()); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// affiliate makes an affiliate.
func (p *onlooker) affiliate(t *testing.T, code string) int64 {
	t.Helper()
	a, err := p.project.CreateAffiliate(t.Context(),
		refgrow.CreateAffiliateParams{Email: code + "@example.com", ReferralCode: code})
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

// numbers are what an affiliate has.
type numbers struct {
	clicks, signups, purchases int64
	earnings                   string
}

func (p *onlooker) read(t *testing.T, affiliate int64) numbers {
	t.Helper()
	a, err := p.project.GetAffiliate(t.Context(), affiliate)
	if err != nil {
		t.Fatal(err)
	}
	return numbers{a.Clicks, a.Signups, a.Purchases, a.Earnings[0].Total.String()}
}

// settle waits until the clicks that were made before are counted. They are counted
// in the order in which they were made, so a click on another code shows that.
func (p *onlooker) settle(t *testing.T) {
	t.Helper()
	p.barriers++
	code := fmt.Sprintf("barrier-%d", p.barriers)
	barrier := p.affiliate(t, code)
	p.click(t, code)
	for began := time.Now(); p.read(t, barrier).clicks == 0; <-time.After(again) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("clicks are not counted")
		}
	}
}

// expect checks what an affiliate has.
func (p *onlooker) expect(t *testing.T, affiliate int64, want numbers) {
	t.Helper()
	p.settle(t)
	if got := p.read(t, affiliate); got != want {
		t.Errorf("the affiliate has %+v, want %+v", got, want)
	}
}

// set changes a setting.
func (p *onlooker) set(t *testing.T, params refgrow.UpdateSettingsParams) {
	t.Helper()
	if _, err := p.project.UpdateSettings(t.Context(), params); err != nil {
		t.Fatal(err)
	}
}

// expectRecords checks how many conversions and customers there are.
func (p *onlooker) expectRecords(t *testing.T, want int64) {
	t.Helper()
	conversions, err := p.project.CountConversions(t.Context(), refgrow.ListConversionsParams{})
	if err != nil {
		t.Fatal(err)
	}
	customers, err := p.project.CountReferrals(t.Context(), refgrow.ListReferralsParams{})
	if err != nil {
		t.Fatal(err)
	}
	if conversions != want || customers != want {
		t.Errorf("there are %d conversions and %d customers, want %d", conversions, customers, want)
	}
}
