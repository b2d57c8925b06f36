package http1_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// vector is one attack of testdata/smuggling.txt.
type vector struct {
	line   int
	what   string
	expect string
	data   []byte
}

// vectors reads the file: a comment that names what is tried, a line with what
// must come of it, and the bytes as Go strings, joined.
func vectors(t testing.TB) []vector {
	t.Helper()
	file, err := os.ReadFile("testdata/smuggling.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for i, line := range strings.Split(string(file), "\n") {
		switch {
		case line == "", strings.HasPrefix(line, "##"):
		case strings.HasPrefix(line, "# "):
			all = append(all, vector{line: i + 1, what: line[2:]})
		case strings.HasPrefix(line, `"`):
			s, err := strconv.Unquote(line)
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			v := &all[len(all)-1]
			v.data = append(v.data, s...)
		default:
			all[len(all)-1].expect = line
		}
	}
	return all
}

func TestSmugglingVectorsAreHandledHoweverTheyAreSplit(t *testing.T) {
	t.Parallel()
	all := vectors(t)
	if len(all) < 60 {
		t.Fatalf("only %d vectors", len(all))
	}
	for _, v := range all {
		t.Run(strconv.Itoa(v.line)+" "+v.what, func(t *testing.T) {
			t.Parallel()
			out := feedAll(t, v.data)
			agree(t, v.data, out)
			got := "incomplete"
			switch {
			case out.Err != nil:
				got = strconv.Itoa(out.Err.Status) + " " + out.Err.Kind
			case out.Done:
				got = "ok host=" + out.Request.Host + " body=" + strconv.Quote(string(out.Body)) +
					" rest=" + strconv.Quote(string(v.data[out.Taken:]))
			}
			if got != v.expect {
				t.Errorf("%s\n%q\n got %s\nwant %s", v.what, v.data, got, v.expect)
			}
		})
	}
}
