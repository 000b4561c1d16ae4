package sqlite

import "strings"

// kind says what a statement may do to the transaction it runs in.
type kind int

const (
	reads   kind = iota // changes nothing
	writes              // INSERT, UPDATE, DELETE, REPLACE: counted by changes()
	alters              // anything else, above all a change of the schema
	control             // begins or ends transactions and savepoints
)

// kindOfStatement looks at the statement's verb: the first word that is not part
// of a comment, or after WITH the first verb outside all parentheses.
func kindOfStatement(query string) kind {
	depth, with := 0, false
	for rest := query; rest != ""; {
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--"):
			_, rest, _ = strings.Cut(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			_, rest, _ = strings.Cut(rest[2:], "*/")
		case c == '\'' || c == '"' || c == '`':
			_, rest, _ = strings.Cut(rest[1:], rest[:1])
		case c == '[':
			_, rest, _ = strings.Cut(rest, "]")
		case c == '(':
			depth, rest = depth+1, rest[1:]
		case c == ')':
			depth, rest = depth-1, rest[1:]
		case isLetter(c):
			word := leadingWord(rest)
			rest = rest[len(word):]
			if depth > 0 {
				continue
			}
			switch strings.ToUpper(word) {
			case "WITH":
				with = true
			case "SELECT", "VALUES", "EXPLAIN", "PRAGMA":
				return reads
			case "INSERT", "UPDATE", "DELETE", "REPLACE":
				return writes
			case "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE":
				if !with {
					return control
				}
			default:
				if !with {
					return alters
				}
			}
		default:
			rest = rest[1:]
		}
	}
	return alters
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func leadingWord(s string) string {
	for i := range len(s) {
		if !isLetter(s[i]) && (s[i] < '0' || s[i] > '9') {
			return s[:i]
		}
	}
	return s
}
