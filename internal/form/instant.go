package form

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Instant reads an instant: RFC 3339, where one without a zone is in UTC; a day, which
// means its first instant in UTC; exactly ten digits, which are Unix seconds; or
// thirteen, which are milliseconds. The zero time, which stands for none, is not among
// them.
func Instant(text string) (time.Time, error) {
	if t, ok := unix(text); ok {
		return t, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		t, err := time.Parse(layout, text)
		if err != nil || !strict(text, t) {
			continue
		}
		if t.IsZero() {
			t = t.Add(time.Nanosecond)
		}
		return t, nil
	}
	return time.Time{}, errors.New("must be a date such as 2024-07-29, an instant such as 2024-07-29T13:00:00Z, " +
		"or Unix seconds (10 digits) or milliseconds (13)")
}

// strict refuses what package time reads and RFC 3339 does not allow: an hour of one
// digit, a comma before the fraction, and a zone of a day or more.
func strict(text string, t time.Time) bool {
	_, zone := t.Zone()
	return (len(text) <= len("2006-01-02T15") || text[len("2006-01-02T15")] == ':') && !strings.Contains(text, ",") &&
		max(zone, -zone) < 24*60*60
}

// unix reads Unix seconds or milliseconds.
func unix(text string) (time.Time, bool) {
	if len(text) != 10 && len(text) != 13 || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if len(text) == 10 {
		return time.Unix(n, 0).UTC(), err == nil
	}
	return time.UnixMilli(n).UTC(), err == nil
}
