package httpapi_test

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// BenchmarkPostConversion records purchases from many clients at once. It also reports
// how many of them were committed together.
func BenchmarkPostConversion(b *testing.B) {
	for name, currency := range map[string]string{"named": `, "base_value_currency": "USD"`, "project's": ""} {
		b.Run(name, func(b *testing.B) {
			w := setup(b, refgrow.Settings{Commission: refgrow.Percent("20")}, noLimit)
			for i := range 100 {
				w.do(b, "POST", "/affiliates", fmt.Sprintf(`{"email": "a%d@example.com"}`, i)).ok(b, 201)
			}
			var n atomic.Int64
			before := w.engine.Stats()
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					recorder := httptest.NewRecorder()
					w.mux.ServeHTTP(recorder, w.request("POST", "/conversions",
						`{"type": "purchase", "affiliate_id": `+strconv.FormatInt(1+i%100, 10)+
							`, "base_value": 49.90, "reference": "order-`+strconv.FormatInt(i, 10)+`"`+currency+`}`))
					if recorder.Code != 201 {
						b.Error(recorder.Body)
						return
					}
				}
			})
			after := w.engine.Stats()
			b.ReportMetric(float64(after.Operations-before.Operations)/float64(max(1, after.Commits-before.Commits)),
				"ops/commit")
		})
	}
}

// BenchmarkListConversions shows a full page.
func BenchmarkListConversions(b *testing.B) {
	w := setup(b, refgrow.Settings{}, noLimit)
	for i := range 500 {
		w.do(b, "POST", "/conversions", fmt.Sprintf(`{"type": "purchase", "base_value": %d}`, i)).ok(b, 201)
	}
	b.ReportAllocs()
	for b.Loop() {
		recorder := httptest.NewRecorder()
		w.mux.ServeHTTP(recorder, w.request("GET", "/conversions?limit=500", ""))
		if recorder.Code != 200 || strings.Count(recorder.Body.String(), `"id"`) != 500 {
			b.Fatal(recorder.Body)
		}
	}
}
