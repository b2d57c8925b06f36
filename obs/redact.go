package obs

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/lmittmann/tint"
)

const (
	redacted = "[redacted]"
	maxDepth = 32 // a LogValue may return a group that holds the value itself
	errorRed = 9  // of the terminal's palette
)

// secretParts mark a key as a secret's wherever they stand in it; secretKeys
// only when they are the whole of it, since "pin" is in "mapping".
var (
	secretParts = []string{
		"accesskey", "apikey", "authorization", "cookie", "credential", "dsn", "encryptionkey", "passphrase",
		"passwd", "password", "privatekey", "secret", "session", "signingkey", "token",
	}
	secretKeys = []string{"auth", "bearer", "csrf", "cvv", "jwt", "otp", "pin", "pwd", "sid", "totp", "xsrf"}
)

// redactor makes attributes safe to write.
type redactor struct {
	parts []string
	human bool // escape what would drive a terminal
}

func newRedactor(more []string, human bool) *redactor {
	r := &redactor{parts: slices.Clone(secretParts), human: human}
	for _, part := range more {
		if n := normal(part); n != "" {
			r.parts = append(r.parts, n)
		}
	}
	return r
}

// normal folds accessToken, Access-Token and access_token into one.
func normal(key string) string {
	return strings.Map(func(c rune) rune {
		switch c {
		case '_', '-', '.', ' ':
			return -1
		}
		return c
	}, strings.ToLower(key))
}

func (r *redactor) secretKey(key string) bool {
	key = normal(key)
	return slices.Contains(secretKeys, key) ||
		slices.ContainsFunc(r.parts, func(part string) bool { return strings.Contains(key, part) })
}

// text returns s without the credentials in it, fit to be shown.
func (r *redactor) text(s string) string { return r.visible(maskText(s)) }

// visible escapes control characters in the form for people; JSON does so itself.
func (r *redactor) visible(s string) string {
	if r.human {
		return escape(s)
	}
	return s
}

func (r *redactor) attr(a slog.Attr, depth int) slog.Attr {
	_, isError := a.Value.Any().(error)
	v := a.Value.Resolve()
	if r.secretKey(a.Key) {
		v = hide(v)
	} else {
		v = r.value(v, depth+1)
	}
	safe := slog.Attr{Key: r.visible(a.Key), Value: v}
	if r.human && isError {
		return tint.Attr(errorRed, safe)
	}
	return safe
}

// hide replaces all that can be a secret. What is empty shows as that: that a
// token is missing is what the reader looks for.
func hide(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindTime:
		return v
	case slog.KindString:
		if v.String() == "" {
			return v
		}
	}
	return slog.StringValue(redacted)
}

func (r *redactor) value(v slog.Value, depth int) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(r.text(v.String()))
	case slog.KindGroup:
		if depth > maxDepth {
			return slog.StringValue("!ERROR: too deep")
		}
		attrs := make([]slog.Attr, len(v.Group()))
		for i, a := range v.Group() {
			attrs[i] = r.attr(a, depth)
		}
		return slog.GroupValue(attrs...)
	case slog.KindAny:
		return r.any(v.Any())
	}
	return v
}

// any handles what slog knows nothing of. The methods called are not ours and
// may panic, mostly on a nil pointer; a log call must not.
func (r *redactor) any(x any) (v slog.Value) {
	defer func() {
		if p := recover(); p != nil {
			v = slog.StringValue(r.text(fmt.Sprintf("!PANIC: %T: %v", x, p)))
		}
	}()
	switch x := x.(type) {
	case nil:
		return slog.Value{}
	case error:
		return slog.StringValue(r.text(x.Error()))
	case *url.URL:
		return slog.StringValue(r.text(x.String()))
	case json.Marshaler, encoding.TextMarshaler:
		return r.encoded(x)
	case fmt.Stringer:
		return slog.StringValue(r.text(x.String()))
	case []byte:
		return slog.StringValue(r.text(string(x)))
	}
	return r.encoded(x)
}

// encoded takes x through JSON: keys are then what a reader would see, json
// tags and MarshalJSON included.
func (r *redactor) encoded(x any) slog.Value {
	text, err := json.Marshal(x)
	if err != nil {
		return slog.StringValue(r.text("!ERROR: " + err.Error()))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // an id above 2^53 keeps its digits
	var tree any
	if err := d.Decode(&tree); err != nil {
		return slog.StringValue(r.text("!ERROR: " + err.Error()))
	}
	return r.tree(tree)
}

func (r *redactor) tree(x any) slog.Value {
	switch x := x.(type) {
	case string:
		return slog.StringValue(r.text(x))
	case map[string]any:
		if len(x) == 0 {
			return slog.AnyValue(x) // an empty group would vanish
		}
		attrs := make([]slog.Attr, 0, len(x))
		for _, key := range slices.Sorted(maps.Keys(x)) {
			v := hide(slog.AnyValue(x[key]))
			if !r.secretKey(key) {
				v = r.tree(x[key])
			}
			attrs = append(attrs, slog.Attr{Key: r.visible(key), Value: v})
		}
		return slog.GroupValue(attrs...)
	case []any:
		if r.clean(x); r.human {
			return slog.StringValue(r.visible(fmt.Sprintf("%v", x)))
		}
		return slog.AnyValue(x)
	}
	return slog.AnyValue(x)
}

// clean redacts in place what stands in a list, which slog cannot group.
func (r *redactor) clean(x any) any {
	switch x := x.(type) {
	case string:
		return maskText(x)
	case []any:
		for i := range x {
			x[i] = r.clean(x[i])
		}
	case map[string]any:
		for key, v := range x {
			if r.secretKey(key) {
				x[key] = hide(slog.AnyValue(v)).Any()
			} else {
				x[key] = r.clean(v)
			}
		}
	}
	return x
}
