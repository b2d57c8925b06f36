package keyring

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/galeweb/gale/config"
)

const (
	// keyMark begins each key: it is the version of the form, and what secret
	// scanners find a key in a repository by.
	keyMark   = "gale1"
	sinceForm = "20060102T150405Z"
	maxText   = 64 << 10 // some 600 keys
)

// ParseSet reads keys separated by commas or white space; a line that begins
// with # is a comment. Each key is
//
//	gale1.PURPOSE.ID.SINCE.STATE.MATERIAL
//
// with SINCE as 20261127T140000Z and MATERIAL as 32 bytes in base64url. Errors
// say which key is wrong and in what, all at once, and show nothing of the
// text but ids that are well formed.
func ParseSet(text []byte) (Set, error) {
	if len(text) > maxText {
		return Set{}, fmt.Errorf("keyring: the keys have more than %d bytes", maxText)
	}
	var (
		s        Set
		problems []error
		n        int
	)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, isSeparator) {
			n++
			k, err := parseKey(word)
			if err == nil && s.index(k.ID) >= 0 {
				err = errors.New("is there twice")
			}
			switch {
			case err == nil:
				s.keys = append(s.keys, k)
			case k.ID != "":
				problems = append(problems, fmt.Errorf("keyring: key %d (%s) %w", n, k.ID, err))
			default:
				problems = append(problems, fmt.Errorf("keyring: key %d %w", n, err))
			}
		}
	}
	if n == 0 {
		return Set{}, errors.New("keyring: there are no keys; gale secret new makes some")
	}
	if err := errors.Join(problems...); err != nil {
		return Set{}, err
	}
	return s, nil
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }

func formatKey(k Key) string {
	return strings.Join([]string{
		keyMark, string(k.Purpose), k.ID, k.Since.Format(sinceForm), string(k.State),
		base64.RawURLEncoding.EncodeToString([]byte(k.material.Reveal())),
	}, ".")
}

// parseKey returns, with an error, the id alone when it is well formed.
func parseKey(word string) (Key, error) {
	parts := strings.Split(word, ".")
	const fields = 6
	if parts[0] != keyMark {
		return Key{}, fmt.Errorf("does not begin with %q", keyMark+".")
	}
	if len(parts) != fields {
		return Key{}, fmt.Errorf("has %d parts between dots instead of %d; it was cut off, or two keys run together", len(parts), fields)
	}
	k := Key{Purpose: Purpose(parts[1]), State: State(parts[4])}
	if !isKeyID(parts[2]) {
		return k, errors.New("has an id that is not eight hexadecimal digits in lower case")
	}
	k.ID = parts[2]
	if !slices.Contains(Purposes(), k.Purpose) {
		return k, errors.New("has an unknown purpose; known are sign, encrypt, token, index")
	}
	if !slices.Contains([]State{Active, VerifyOnly, Retired}, k.State) {
		return k, errors.New("has an unknown state; known are active, verify, retired")
	}
	since, err := time.Parse(sinceForm, parts[3])
	if err != nil || since.Format(sinceForm) != parts[3] {
		return k, errors.New("has a time that is not of the form " + sinceForm)
	}
	k.Since = since
	raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[5])
	if err != nil || len(raw) != keySize {
		return k, errors.New("has material that is not 32 bytes in base64url; it was cut off or mistyped")
	}
	k.material = config.NewSecret(string(raw))
	if keyID(k.Purpose, raw) != k.ID {
		return k, errors.New("has material that does not belong to its id and purpose; it was mistyped")
	}
	return k, nil
}

func isKeyID(s string) bool {
	return len(s) == 8 && !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}
