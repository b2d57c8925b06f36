package machine

import "testing"

func TestCPUModel(t *testing.T) {
	t.Parallel()
	if got := cpuModel("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nmodel name\t: other\n"); got != "Some CPU @ 3 GHz" {
		t.Errorf("got %q", got)
	}
	if got := cpuModel(""); got != "unknown processor" {
		t.Errorf("got %q", got)
	}
}
