package sqlite

import (
	"strconv"
	"strings"
)

// unnumbered returns the query with ? in place of ?1, ?2 and so on, if each is used
// once and in order: it then means the same, and binding a parameter without a name
// costs the driver a third less. Any other query stays as it is.
func unnumbered(query string) string {
	var b strings.Builder
	written, n := 0, 0
	for i := 0; i < len(query); {
		switch c := query[i]; {
		case strings.HasPrefix(query[i:], "--"):
			i += through(query[i:], "\n")
		case strings.HasPrefix(query[i:], "/*"):
			i += 2 + through(query[i+2:], "*/")
		case c == '\'' || c == '"' || c == '`':
			i += 1 + through(query[i+1:], query[i:i+1])
		case c == '[':
			i += through(query[i:], "]")
		case c == ':' || c == '@' || c == '$': // a parameter of another kind
			return query
		case c == '?':
			n++
			number := strconv.Itoa(n)
			if rest := query[i+1:]; !strings.HasPrefix(rest, number) || len(rest) > len(number) && isDigit(rest[len(number)]) {
				return query
			}
			b.WriteString(query[written : i+1])
			i += 1 + len(number)
			written = i
		default:
			i++
		}
	}
	b.WriteString(query[written:])
	return b.String()
}

// through returns the length of s up to the end of mark, or of all of s.
func through(s, mark string) int {
	before, _, found := strings.Cut(s, mark)
	if !found {
		return len(s)
	}
	return len(before) + len(mark)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
