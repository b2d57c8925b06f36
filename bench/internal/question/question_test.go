package question

import (
	"regexp"
	"strings"
	"testing"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	Answer(strings.NewReader("gc\nallocs\nwhat\nprofile x y\n"), &out)
	want := regexp.MustCompile(`^ok\nok \d+ \d+\nerror unknown question .*\nerror time: .*\n$`)
	if !want.MatchString(out.String()) {
		t.Errorf("got %q", out.String())
	}
}
