package launch

import (
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	t.Parallel()
	got, err := parseCPU("4711 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0")
	if err != nil || got != 1750*time.Millisecond {
		t.Errorf("got %v, %v; want 1.75s", got, err)
	}
	for _, bad := range []string{"", "1 (x) S 1 2", "1 (x) S 1 2 3 4 5 6 7 8 9 10 a b 0"} {
		if _, err := parseCPU(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
