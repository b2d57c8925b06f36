package galesqlite

import (
	"strconv"
	"strings"
)

// anonymous turns $1, $2 … into ? where they stand in order and each once, as
// in INSERT … VALUES. SQLite takes $1 for a name, and the driver asks for the
// name of each at every execution, which SQLite answers by searching a list:
// with 500 rows in a statement, that was three quarters of the time. Other
// statements are returned as they are; their names mean the right thing too.
func anonymous(sql string) string {
	var b strings.Builder
	last, next := 0, 1
	for i := 0; i < len(sql); {
		switch c := sql[i]; {
		case c == '\'' || c == '"' || c == '`':
			// A doubled quote within ends one string and begins another.
			i = after(sql, i+1, string(c))
		case c == '[':
			i = after(sql, i+1, "]")
		case strings.HasPrefix(sql[i:], "--"):
			i = after(sql, i+2, "\n")
		case strings.HasPrefix(sql[i:], "/*"):
			i = after(sql, i+2, "*/")
		case isWord(c):
			for i < len(sql) && (isWord(sql[i]) || sql[i] == '$') {
				i++
			}
		case c == '?' || c == ':' || c == '@':
			return sql // other kinds of parameter
		case c == '$':
			end := i + 1
			for end < len(sql) && isWord(sql[end]) {
				end++
			}
			if sql[i+1:end] != strconv.Itoa(next) {
				return sql
			}
			b.WriteString(sql[last:i])
			b.WriteByte('?')
			i, last = end, end
			next++
		default:
			i++
		}
	}
	if next == 1 {
		return sql
	}
	b.WriteString(sql[last:])
	return b.String()
}

// after returns the index behind the next end, or that of the end of s.
func after(s string, from int, end string) int {
	if i := strings.Index(s[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(s)
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}
