package budget_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// What a conversion of a known customer costs on a file of the engine's own. A change
// that makes it dearer raises the bound, and says why.
const (
	mostAllocations = 490
	mostLogBytes    = 30_500 // in the write-ahead log, of 4 KiB pages
)

// A recorder records one sale after the other.
type recorder struct {
	*testing.T
	path string
	shop *refgrow.Project
	next int
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	path := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	engine, err := refgrow.New(t.Context(), database, refgrow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	settings := refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30}
	shop, err := engine.CreateProject(t.Context(), "shop", settings)
	if err != nil {
		t.Fatal(err)
	}
	jane := refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"}
	if _, err := shop.CreateAffiliate(t.Context(), jane); err != nil {
		t.Fatal(err)
	}
	r := &recorder{T: t, path: path, shop: shop}
	for range 100 { // indexes have their first pages, statements are prepared
		r.record()
	}
	return r
}

func (r *recorder) record() {
	r.next++
	if _, err := r.shop.RecordConversion(r.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: "JANE", Reference: "in_" + strconv.Itoa(r.next),
		BaseValue: money.MustParse("49.00 USD"), Customer: refgrow.Customer{ExternalID: "u_1", Email: "carl@example.com"},
	}); err != nil {
		r.Fatal(err)
	}
}

// TestRecordConversionKeepsItsBudgetOfAllocations cannot run beside other tests: they
// would allocate too.
func TestRecordConversionKeepsItsBudgetOfAllocations(t *testing.T) {
	shoptest.Single(t)
	r := newRecorder(t)
	if got := testing.AllocsPerRun(200, r.record); got > mostAllocations {
		t.Errorf("a conversion allocates %v times, and may allocate %d times", got, mostAllocations)
	}
}

func TestRecordConversionKeepsItsBudgetOfBytes(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	r := newRecorder(t)
	size := func() int64 {
		info, err := os.Stat(r.path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const conversions = 100
	before := size()
	for range conversions {
		r.record()
	}
	if got := (size() - before) / conversions; got <= 0 || got > mostLogBytes {
		t.Errorf("a conversion writes %d bytes to the log, and may write %d", got, mostLogBytes)
	}
}
