package machine

import (
	"testing"
	"time"
)

func TestParseUser(t *testing.T) {
	t.Parallel()
	got, err := parseUser("4711 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0")
	if err != nil || got != 1500*time.Millisecond {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "1 (x) S 1 2", "1 (x) S 1 2 3 4 5 6 7 8 9 10 a b"} {
		if _, err := parseUser(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestParseBusy(t *testing.T) {
	t.Parallel()
	got, err := parseBusy("cpu  100 20 3 99999 99999 4 50 6 7 8\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if err != nil || got != 1830*time.Millisecond {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 x 4 5 6 7 8"} {
		if _, err := parseBusy(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
