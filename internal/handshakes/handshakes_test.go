package handshakes

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

func TestTheSlowestMakesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cut []string
		l := New(2, func(c string) { cut = append(cut, c) })
		assert.True(t, l.Enter("a") && l.Enter("b"), "there was room")
		l.Waits("b", true)
		time.Sleep(patience / 2)
		l.Waits("a", true)
		time.Sleep(patience / 2)
		assert.True(t, !l.Enter("c"), "nobody was slow")
		time.Sleep(time.Millisecond)
		assert.True(t, l.Enter("c"), "b was slow")
		l.Waits("b", false) // it has not been told yet
		assert.True(t, !l.Enter("d"), "nobody else was slow")
		time.Sleep(patience)
		l.Waits("a", false)
		assert.True(t, !l.Enter("d"), "a has gone on")
		l.Leave("c")
		assert.True(t, l.Enter("d"), "there was room")
		assert.True(t, slices.Equal(cut, []string{"b"}), "others were cut")
	})
}

func TestNoLimit(t *testing.T) {
	t.Parallel()
	l := New(-1, func(int) { t.Error("cut") })
	for i := range 1000 {
		assert.True(t, l.Enter(i), "there is no limit")
		l.Waits(i, true)
	}
	l.Leave(1)
}
