package refgrow

import (
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
)

// BenchmarkPrice computes one commission.
func BenchmarkPrice(b *testing.B) {
	rule := db.CommissionRule{ConversionType: string(Purchase), Kind: "percent", Rate: 200_000, Currency: "USD", Duration: "lifetime"}
	in := inputs{base: new(int64(4990)), currency: "USD"}
	b.ReportAllocs()
	for b.Loop() {
		if p, err := price(rule, in); err != nil || p.value != 998 {
			b.Fatal(p, err)
		}
	}
}
