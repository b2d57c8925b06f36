package totp_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/view"
)

var runs = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// TestQR draws the SVG and compares it with the matrix of the code, module by
// module, the quiet zone included.
func TestQR(t *testing.T) {
	t.Parallel()
	e := newKit(t).enroll("ann", "phone")
	var component view.Component = e.QR(`Scan "this" <b>`)
	var html strings.Builder
	assert.NoError(t, component.Render(t.Context(), &html))
	assert.True(t, !strings.Contains(fmt.Sprintf("%v %+v %#v", component, component, component), e.Secret), "printing shows the secret")
	var svg struct {
		ViewBox string `xml:"viewBox,attr"`
		Role    string `xml:"role,attr"`
		Label   string `xml:"aria-label,attr"`
		Title   string `xml:"title"`
		Path    []struct {
			D    string `xml:"d,attr"`
			Fill string `xml:"fill,attr"`
		} `xml:"path"`
	}
	assert.NoError(t, xml.Unmarshal([]byte(html.String()), &svg))
	assert.Equal(t, svg.Role, "img")
	assert.Equal(t, svg.Label, `Scan "this" <b>`)
	assert.Equal(t, svg.Title, `Scan "this" <b>`)
	assert.True(t, !strings.Contains(html.String(), "style") && !strings.Contains(html.String(), "<script"), "needs what a CSP forbids")

	code, err := qr.Encode(e.URI, qr.M, qr.Auto)
	assert.NoError(t, err)
	size := code.Bounds().Dx()
	full := size + 8
	assert.Equal(t, svg.ViewBox, fmt.Sprintf("0 0 %d %d", full, full))
	assert.Equal(t, svg.Path[0].D, fmt.Sprintf("M0 0h%dv%dH0z", full, full))
	assert.Equal(t, svg.Path[0].Fill+svg.Path[1].Fill, "#fff#000")

	drawn := map[[2]int]bool{}
	matches := runs.FindAllStringSubmatch(svg.Path[1].D, -1)
	rest := runs.ReplaceAllString(svg.Path[1].D, "")
	assert.Equal(t, rest, "")
	for _, m := range matches {
		var n [4]int
		for i := range n {
			n[i], err = strconv.Atoi(m[i+1])
			assert.NoError(t, err)
		}
		assert.Equal(t, n[2], n[3])
		for i := range n[2] {
			drawn[[2]int{n[0] + i, n[1]}] = true
		}
	}
	for y := range full {
		for x := range full {
			want := false
			if x >= 4 && y >= 4 && x < size+4 && y < size+4 {
				r, _, _, _ := code.At(x-4, y-4).RGBA()
				want = r == 0
			}
			if drawn[[2]int{x, y}] != want {
				t.Fatalf("module %d, %d is drawn %v", x, y, !want)
			}
		}
	}
}

// TestQRHoldsTheLongestNames has the names that percent-encoding makes longest.
func TestQRHoldsTheLongestNames(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	e, err := k.totp.Enroll(t.Context(), "ann", strings.Repeat("𠜎", 128), "phone")
	assert.NoError(t, err)
	assert.NoError(t, e.QR("QR code").Render(t.Context(), io.Discard))
}
