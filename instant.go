package refgrow

import (
	"time"

	"github.com/refgrow-go/refgrow/internal/form"
)

// ParseInstant reads an instant in the forms that the REST API and the command line
// take: RFC 3339, where one without a zone is in UTC; a day such as "2024-07-29",
// which means its first instant in UTC; exactly 10 digits, which are Unix seconds; and
// exactly 13, which are milliseconds. It never returns the zero time, which stands for
// none. Errors: ErrInvalid.
func ParseInstant(text string) (time.Time, error) {
	t, err := form.Instant(text)
	return t, at("", err)
}
