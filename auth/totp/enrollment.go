package totp

import (
	"context"
	"encoding/base32"
	"fmt"
	"html"
	"image/color"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// Enrollment is what the user's app needs, to be shown once over HTTPS on a page
// that is not cached. Printing or logging one shows the ID only.
type Enrollment struct {
	// ID of the authenticator, for [TOTP.Confirm]. It is no secret.
	ID string
	// Secret in base32, 32 characters.
	Secret string
	// URI has the secret and the names in the form that apps take, otpauth://totp/….
	URI string
}

func newEnrollment(id, issuer, account string, secret []byte) Enrollment {
	text := base32.StdEncoding.EncodeToString(secret)
	// Spaces as %20: several apps show the "+" of form encoding as it is.
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	uri := "otpauth://totp/" + escape(issuer) + ":" + escape(account) +
		"?secret=" + text + "&issuer=" + escape(issuer) +
		fmt.Sprintf("&algorithm=SHA1&digits=%d&period=%d", digits, period)
	return Enrollment{ID: id, Secret: text, URI: uri}
}

// Grouped returns the secret in groups of four, for who cannot scan.
func (e Enrollment) Grouped() string {
	var groups []string
	for s := e.Secret; s != ""; {
		n := min(4, len(s))
		groups = append(groups, s[:n])
		s = s[n:]
	}
	return strings.Join(groups, " ")
}

// quiet is the white margin of a QR code in modules (ISO/IEC 18004).
const quiet = 4

// QR draws a QR code. It is a view.Component.
type QR struct {
	// A function, so that printing a QR does not show the secret.
	draw func(io.Writer) error
}

// Render writes the code as an svg element.
func (q QR) Render(_ context.Context, w io.Writer) error { return q.draw(w) }

// QR returns the URI as an inline SVG element without styles or scripts, so that
// it shows under any Content-Security-Policy. It has no size of its own: CSS
// sets it, 200 pixels or more. label is its accessible name, such as
// "QR code for your authenticator app".
func (e Enrollment) QR(label string) QR {
	return QR{func(w io.Writer) error { return drawQR(w, e.URI, label) }}
}

func drawQR(w io.Writer, uri, label string) error {
	code, err := qr.Encode(uri, qr.M, qr.Auto)
	if err != nil {
		return fmt.Errorf("totp: QR code: %w", err)
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			run := 0
			for x+run < size && dark(code.At(x+run, y)) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	name := html.EscapeString(label)
	full := size + 2*quiet
	// Colours are fixed: scanners want dark on light also where the page is dark.
	_, err = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s" shape-rendering="crispEdges">`+
		`<title>%s</title><path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="%s"/></svg>`,
		full, full, name, name, full, full, path.String())
	return err
}

// dark reports whether a module is a dark one; they are black or white.
func dark(c color.Color) bool {
	r, _, _, _ := c.RGBA()
	return r == 0
}

// String returns the ID only.
func (e Enrollment) String() string { return "totp.Enrollment(" + e.ID + ")" }

// GoString returns the ID only, for %#v.
func (e Enrollment) GoString() string { return e.String() }

// LogValue implements [slog.LogValuer] with the ID only.
func (e Enrollment) LogValue() slog.Value { return slog.StringValue(e.String()) }
