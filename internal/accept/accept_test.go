package accept_test

import (
	"testing"

	"github.com/galeweb/gale/internal/accept"
	"github.com/galeweb/gale/internal/assert"
)

func TestEncoding(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                             "",
		"identity":                     "",
		"gzip":                         "gzip",
		"GZIP":                         "gzip",
		"gzip, deflate, br, zstd":      "zstd",
		"zstd;q=0.5, gzip":             "gzip",
		"zstd;q=0, gzip;q=0":           "",
		"*":                            "zstd",
		"*;q=0":                        "",
		"zstd;q=0, *":                  "gzip",
		"gzip;q=0.8, *;q=0.1":          "gzip",
		"gzip;q=2":                     "",
		"gzip;q=NaN":                   "",
		"gzip;q":                       "",
		"gzip;level=1":                 "",
		" gzip ; q=1.0 ,,":             "gzip",
		"zstd ; q = 0.9 , gzip;q=0.95": "gzip",
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, accept.Encoding(header, "zstd", "gzip"), want)
		})
	}
}
