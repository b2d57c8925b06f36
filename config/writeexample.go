package config

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// WriteExample writes the variables of T as a .env.example: what is required
// as an empty NAME=, which [Load] reports until it is filled in, all else
// behind a # with its default. Of o only Prefix is used. The error is w's.
func WriteExample[T any](w io.Writer, o Options) error {
	b := bufio.NewWriter(w)
	for i, f := range fieldsOf(reflect.TypeFor[T](), o.Prefix) {
		if i > 0 {
			b.WriteByte('\n')
		}
		if f.desc != "" {
			fmt.Fprintf(b, "# %s\n", strings.ReplaceAll(f.desc, "\n", "\n# "))
		}
		if len(f.oneOf) > 0 {
			fmt.Fprintf(b, "# One of: %s\n", strings.Join(f.oneOf, ", "))
		} else {
			fmt.Fprintf(b, "# Type: %s\n", f.typ)
		}
		switch value := quoteEnv(f.fallback); {
		case f.required:
			fmt.Fprintf(b, "%s=\n", f.name)
		case f.secret:
			fmt.Fprintf(b, "#%s=\n", f.name)
		default:
			fmt.Fprintf(b, "#%s=%s\n", f.name, value)
		}
	}
	return b.Flush()
}

// quoteEnv writes value so that a .env reader, which expands $ and strips
// comments, gives it back.
func quoteEnv(value string) string {
	switch {
	case !strings.ContainsAny(value, " \t\r\n#$'\"\\`"):
		return value
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "\n", `\n`, "\r", `\r`).Replace(value) + `"`
}
