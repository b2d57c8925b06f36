package loopback

import "testing"

func TestSourcesChange(t *testing.T) {
	t.Parallel()
	if source(0) != source(perSource-1) || source(0) == source(perSource) {
		t.Error("a source makes more or fewer connections than it may")
	}
}
