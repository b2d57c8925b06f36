package scaffold

import (
	"fmt"
	"go/format"
	"go/scanner"
	"go/token"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The reference, as it stands in the repository.
const (
	oldModule = "github.com/galeweb/gale/cmd/gale/reference"
	oldName   = "relay"
)

// oldWords matches the module's path and the name as a word of its own, as in
// relay.db, Relay-Stored and RELAY_ADDR, with what is before it: the start, a
// character that is part of no word, or an escape as in "\nrelay".
var oldWords = regexp.MustCompile(`(^|\W|\\[abfnrtv])(` + regexp.QuoteMeta(oldModule) + `\b|relay\b|Relay\b|RELAY_|RELAY\b)`)

// text puts the project's name and module in place of the old ones.
func (p Project) text(s string) string {
	return oldWords.ReplaceAllStringFunc(s, func(match string) string {
		parts := oldWords.FindStringSubmatch(match)
		before, old := parts[1], parts[2]
		switch old {
		case oldModule:
			return before + p.module()
		case oldName:
			return before + p.Name()
		case "Relay":
			return before + title(p.Name())
		case "RELAY_":
			return before + p.EnvPrefix()
		default: // RELAY
			return before + strings.TrimSuffix(p.EnvPrefix(), "_")
		}
	})
}

// title returns My-App for my-app, the spelling of header names.
func title(name string) string {
	words := strings.Split(name, "-")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "-")
}

// file renames what is in a file; vendored files stay as they are.
func (p Project) file(name string, content []byte) ([]byte, error) {
	switch {
	case !utf8.Valid(content), strings.Contains(name, ".min."), strings.Contains(name, "licenses/"):
		return content, nil
	case path.Ext(name) != ".go":
		return []byte(p.text(string(content))), nil
	}
	// The order of imports depends on the module's path.
	content, err := format.Source(p.goSource(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

// goSource renames in comments and literals only: a name such as my-app is no
// identifier, and one such as config would hide a package.
func (p Project) goSource(src []byte) []byte {
	var (
		s    scanner.Scanner
		out  []byte
		done int // bytes of src that are in out
	)
	file := token.NewFileSet().AddFile("", -1, len(src))
	s.Init(file, src, nil, scanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		switch tok {
		case token.EOF:
			return append(out, src[done:]...)
		case token.COMMENT, token.STRING:
			at := file.Offset(pos)
			out = append(out, src[done:at]...)
			out = append(out, p.text(lit)...)
			done = at + len(lit)
		}
	}
}

// leftBehind reports whether a file is the trace of a run in the reference's
// own folder and not a part of it.
func leftBehind(name string) bool {
	ext := path.Ext(name)
	return path.Base(name) == ".env" || ext == ".db" || ext == ".keys" || strings.HasPrefix(ext, ".db-") || strings.HasPrefix(name, "bin/")
}
