package clicks

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/refgrow-go/refgrow/internal/stored"
)

// A visitor has a different hash each day. One who comes shortly after midnight has
// both that of the day and that of the day before, so that a repeat is still noticed.
func TestAddressesAcrossMidnight(t *testing.T) {
	t.Parallel()
	in := newTable(map[string]int64{"jane": 1})
	midnight := stored.Midnight(20000).UnixMilli()
	visit := Visit{Code: "jane", Address: netip.MustParseAddr("192.0.2.1")}
	hashes := func(at int64) (now, before int64) {
		t.Helper()
		visit.At = at
		if _, err := in.record(at, visit); err != nil {
			t.Fatal(err)
		}
		return stored.OrZero(in.rows[0].address), stored.OrZero(in.rows[0].yesterday)
	}
	evening, none := hashes(midnight - 1)
	night, before := hashes(midnight)
	morning, gone := hashes(midnight + window)
	if evening == 0 || night == 0 || evening == night || morning != night {
		t.Errorf("the hashes are %d, %d and %d", evening, night, morning)
	}
	if none != 0 || before != evening || gone != 0 {
		t.Errorf("the hashes of the day before are %d, %d and %d", none, before, gone)
	}
}

// A key is read once in a transaction, and once more by the first visit of its day, which makes it. It is deleted
// two days later. Visits whose day no longer has a key have no hash.
func TestAddressKeys(t *testing.T) {
	t.Parallel()
	in := newTable(map[string]int64{"jane": 1})
	var visits []Visit
	for n := range 10 {
		address := netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})
		visits = append(visits, Visit{Code: "jane", Address: address, At: noon(20000)})
	}
	if _, err := in.record(noon(20000), visits...); err != nil || in.asked != 2 { // once it is made too
		t.Errorf("a key was read %d times (%v)", in.asked, err)
	}
	for _, day := range []int64{20001, 20002} {
		late := Visit{Code: "jane", Address: visits[0].Address, At: noon(day)}
		if _, err := in.record(noon(day), late); err != nil {
			t.Fatal(err)
		}
	}
	if days := slices.Sorted(maps.Keys(in.keys)); !slices.Equal(days, []int64{20001, 20002}) {
		t.Errorf("there are keys for the days %v", days)
	}
	if counted, err := in.record(noon(20002), visits[0]); err != nil || counted != 1 || in.rows[0].address != nil {
		t.Errorf("a visit that was written two days later has the row %+v (%v)", in.rows, err)
	}
	if err := forgetKeys(t.Context(), in, 20010); err != nil || len(in.keys) != 0 {
		t.Errorf("in the end there are %d keys (%v)", len(in.keys), err)
	}
}
