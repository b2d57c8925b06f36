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
// relay.db, Relay-Stored and RELAY_ADDR.
var oldWords = regexp.MustCompile(`\b(?:` + regexp.QuoteMeta(oldModule) + `|relay|Relay|RELAY)(?:_|\b)`)

// text puts the project's name and module in place of the old ones.
func (p Project) text(s string) string {
	return oldWords.ReplaceAllStringFunc(s, func(old string) string {
		switch old {
		case oldModule:
			return p.module()
		case oldName:
			return p.Name()
		case "Relay":
			return title(p.Name())
		case "RELAY_":
			return p.EnvPrefix()
		case "RELAY":
			return strings.TrimSuffix(p.EnvPrefix(), "_")
		}
		return old // relay_ and Relay_ begin other words
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
	return path.Base(name) == ".env" || ext == ".db" || strings.HasPrefix(ext, ".db-") || strings.HasPrefix(name, "bin/")
}
