package stored

import "time"

// DayMillis is the length of a UTC day, in milliseconds.
const DayMillis = 24 * 60 * 60 * 1000

// The first seconds of the years 1 and 10000, in Unix time.
const earliest, latest = -62135596800, 253402300800

// Instant reads a time, in UTC.
func Instant(millis int64) time.Time { return time.UnixMilli(millis).UTC() }

// OptionalInstant is Instant for a column that may be NULL.
func OptionalInstant(millis *int64) *time.Time {
	if millis == nil {
		return nil
	}
	return new(Instant(*millis))
}

// Millis keeps a time, as Unix milliseconds. One that no calendar shows counts as the
// nearest that one does.
func Millis(t time.Time) int64 {
	return min(max(t.Unix(), earliest), latest)*1000 + int64(t.Nanosecond())/int64(time.Millisecond)
}

// CeilMillis returns the first millisecond that is not before t: a bound between two
// milliseconds becomes the later one, whether it is a lower or an upper bound.
func CeilMillis(t time.Time) int64 {
	millis := Millis(t)
	if Instant(millis).Before(t) {
		millis++
	}
	return millis
}

// DayOf returns the UTC day of an instant, counted from 1970.
func DayOf(millis int64) int64 {
	day := millis / DayMillis
	if millis%DayMillis < 0 {
		day--
	}
	return day
}

// Midnight returns the beginning of a day, in UTC.
func Midnight(day int64) time.Time { return Instant(day * DayMillis) }

// Date formats a day.
func Date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
