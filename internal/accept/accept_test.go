package accept_test

import (
	"testing"

	"github.com/galeweb/gale/internal/accept"
)

func TestEncoding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want  string
		lines []string
	}{
		{"", nil},
		{"", []string{""}},
		{"gzip", []string{"gzip"}},
		{"zstd", []string{"gzip, deflate, br, zstd"}},
		{"zstd", []string{"gzip", "zstd"}},
		{"gzip", []string{"GZIP;Q=0.001"}},
		{"gzip", []string{"x-gzip"}},
		{"gzip", []string{"zstd;q=0.5, gzip;q=0.8"}},
		{"gzip", []string{"zstd;q=0, gzip"}},
		{"gzip", []string{"zstd;q=0.000, *"}},
		{"zstd", []string{"*"}},
		{"zstd", []string{"*;q=0.1"}},
		{"", []string{"*;q=0"}},
		{"gzip", []string{"*;q=0, gzip;q=0.2"}},
		{"", []string{"gzip;q=0"}},
		{"", []string{"br, deflate"}},
		{"", []string{"identity"}},
		{"", []string{"identity, gzip;q=0.9"}},
		{"gzip", []string{"identity, gzip"}},
		{"gzip", []string{"identity;q=0.5, gzip;q=0.9"}},
		{"", []string{"identity;q=0"}},
		{"gzip", []string{" gzip ; q=1.000 ,"}},
		{"", []string{"gzip;q=1.001"}},
		{"", []string{"gzip;q=2"}},
		{"", []string{"gzip;q=-1"}},
		{"", []string{"gzip;q="}},
		{"", []string{"gzip;q"}},
		{"", []string{"gzip;q=0.1234"}},
		{"", []string{"gzip;q=.5"}},
		{"", []string{"gzip;q=0,5"}},
		{"", []string{"gzip;q=0x1"}},
		{"gzip", []string{"gzip;level=9"}},
		{"", []string{"gzip;level=9;q=0"}},
		{"", []string{"gzipped"}},
	} {
		if got := accept.Encoding(c.lines, "zstd", "gzip"); got != c.want {
			t.Errorf("Encoding(%q) = %q, want %q", c.lines, got, c.want)
		}
	}
}

func FuzzEncoding(f *testing.F) {
	for _, s := range []string{"gzip, zstd;q=0.5", "*;q=0", ";;,=", "gzip;q=1.0000", "identity;q=0,*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		switch got := accept.Encoding([]string{line}, "zstd", "gzip"); got {
		case "", "gzip", "zstd":
		default:
			t.Errorf("Encoding(%q) = %q", line, got)
		}
		if q := accept.Quality(line); q < 0 || q > 1000 {
			t.Errorf("Quality(%q) = %d", line, q)
		}
	})
}
