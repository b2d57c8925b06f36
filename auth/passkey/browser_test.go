package passkey_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"testing"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

func TestJS(t *testing.T) {
	t.Parallel()
	galetest.Run(t, passkey.JS(), func(t *testing.T, c *galetest.Client) {
		r := c.Get("/passkey.js").Status(http.StatusOK).Contains("Apache-2.0").Contains("data-passkey").
			HasHeader("Content-Type", "text/javascript; charset=utf-8").HasHeader("Cache-Control", "no-cache")
		c.With("If-None-Match", r.Header("ETag")).Get("/passkey.js").Status(http.StatusNotModified)
		c.With("If-None-Match", `"other"`).Get("/passkey.js").Status(http.StatusOK)
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := z.Write([]byte(r.Text()))
		assert.NoError(t, err)
		assert.NoError(t, z.Close())
		assert.True(t, packed.Len() < 3<<10, "the script stays under 3 KiB, compressed")
	})
}
