package money_test

import (
	"math"
	"testing"

	"github.com/refgrow-go/refgrow/money"
)

func BenchmarkParseDecimal(b *testing.B) {
	for _, text := range []string{"49.00", "90000000000000.01", "1e2"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := money.ParseDecimal(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := money.Parse("49.00 USD"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendNumber(b *testing.B) {
	b.ReportAllocs()
	buffer, a := make([]byte, 0, 32), money.New(1250, money.USD)
	for b.Loop() {
		buffer = a.AppendNumber(buffer[:0])
	}
}

func BenchmarkAppendDecimal(b *testing.B) {
	b.ReportAllocs()
	buffer, a := make([]byte, 0, 32), money.New(1250, money.USD)
	for b.Loop() {
		buffer = a.AppendDecimal(buffer[:0])
	}
}

func BenchmarkRateOf(b *testing.B) {
	b.ReportAllocs()
	r, a := rate(b, "8.2"), money.New(10250, money.USD)
	for b.Loop() {
		r.Of(a)
	}
}

// TestAllocations keeps what every answer and every write goes through free of
// allocations.
func TestAllocations(t *testing.T) {
	r, a, buffer := rate(t, "8.2"), money.New(math.MinInt64, money.USD), make([]byte, 0, 32)
	paths := map[string]func(){
		"ParseDecimal":  func() { _, _ = money.ParseDecimal("1234.50") },
		"Parse":         func() { _, _ = money.Parse("1234.50 USD") },
		"AppendNumber":  func() { buffer = a.AppendNumber(buffer[:0]) },
		"AppendDecimal": func() { buffer = a.AppendDecimal(buffer[:0]) },
		"Rate.Of":       func() { _ = r.Of(a) },
	}
	for name, path := range paths {
		if allocations := testing.AllocsPerRun(100, path); allocations != 0 {
			t.Errorf("%s allocates %v times", name, allocations)
		}
	}
}
