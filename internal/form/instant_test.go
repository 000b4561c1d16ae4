package form

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestInstant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2024-07-29T13:00:00Z":           "2024-07-29T13:00:00Z",
		"2024-07-29T13:00:00.125+02:00":  "2024-07-29T11:00:00.125Z",
		"2024-07-29T13:00:00":            "2024-07-29T13:00:00Z",
		"2024-07-29T13:00:00.5":          "2024-07-29T13:00:00.5Z",
		"2024-07-29":                     "2024-07-29T00:00:00Z",
		"1722258000":                     "2024-07-29T13:00:00Z",
		"1722258000125":                  "2024-07-29T13:00:00.125Z",
		"0000000000":                     "1970-01-01T00:00:00Z",
		"0001-01-01":                     "0001-01-01T00:00:00.000000001Z",
		"9999-12-31T23:59:59.999999999Z": "9999-12-31T23:59:59.999999999Z",
	} {
		if got, err := Instant(text); err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%s is %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "now", "2024", "20240729", "172225800", "17222580001", "172225800012", "17222580001250", "-172225800",
		"+1722258000", "1722258000.5", "1.7222580e9", "2024-7-29", "2024-07-29T13:00", "2024-07-29 13:00:00Z",
		"2024-07-29T24:00:00Z", "2024-02-30", "2024-07-29T13:00:00,5Z", "2024-07-29T13:00:00,5",
		"2024-07-29T13:00:00+24:00", "2024-07-29T1:00:00Z", " 2024-07-29", "١٧٢٢٢٥٨٠٠٠",
	} {
		if got, err := Instant(text); err == nil || !strings.HasPrefix(err.Error(), "must be a date such as ") {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

// Whatever is written in the form of the API is read back.
func TestInstantIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := time.UnixMilli(rapid.Int64Range(0, 9999999999999).Draw(t, "millis")).UTC()
		for _, layout := range []string{"2006-01-02T15:04:05.000Z", "2006-01-02T15:04:05.000", time.RFC3339Nano} {
			if got, err := Instant(want.Format(layout)); err != nil || !got.Equal(want) {
				t.Fatalf("%s is %v, %v", want.Format(layout), got, err)
			}
		}
	})
}
