package load

import (
	"testing"
	"time"
)

func TestBucketsAreCloseAndInOrder(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, 1, 127, 128, 129, 255, 256, 1000, 123_456_789, time.Hour, 1<<63 - 1} {
		low, next := floor(bucket(d)), floor(bucket(d)+1)
		if low > d || next > 0 && next <= d || float64(d-low) > float64(d)/steps {
			t.Errorf("%d: bucket from %d to %d", d, low, next)
		}
	}
	if bucket(-time.Second) != 0 {
		t.Error("a negative duration is out of range")
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	h := new(histogram)
	if h.percentile(50) != 0 {
		t.Error("nothing has a median")
	}
	for i := range 100 {
		h.add(time.Duration(100 - i))
	}
	if a, b, c := h.percentile(50), h.percentile(99), h.percentile(100); a != 50 || b != 99 || c != 100 || h.max != 100 || h.total != 100 {
		t.Errorf("got %d, %d, %d, max %d", a, b, c, h.max)
	}
}
