package peer

import (
	"testing"
	"time"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	const in = `{"id":7,"channel":"c","name":"n","tags":["a"],"lat":1.5,"lon":-2,"live":true}`
	out, err := Echo([]byte(in))
	if err != nil || string(out) != in {
		t.Errorf("got %s, %v", out, err)
	}
	if _, err := Echo([]byte("{")); err == nil {
		t.Error("half an object is taken")
	}
}

func TestMixedBlocksOnceInAHundred(t *testing.T) {
	t.Parallel()
	var m Mixed
	for range 99 {
		m.Block()
	}
	if m.calls.Load() != 99 {
		t.Fatal("calls are not counted")
	}
	begin := time.Now()
	m.Block()
	if time.Since(begin) < BlockTime {
		t.Error("the hundredth call did not block")
	}
}
