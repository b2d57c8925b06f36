package engine_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// enterRaw upgrades a client's connection whose records the test makes.
func (p *party) enterRaw(t *testing.T) (*rawTLS, *talker) {
	t.Helper()
	c := dialRawTLS(t, p.addr)
	c.send(c.record(recordApplication, upgradeRequest+"\r\n"))
	c.expect(recordApplication, "101 Switching Protocols")
	return c, <-p.of(c.conn.LocalAddr().String())
}

// fill has k say more than the socket takes, and returns when that is full.
func fill(t *testing.T, k *talker, size int) {
	t.Helper()
	k.say(strings.Repeat("y", size))
	var last, same int
	until(t, "the socket is full", func() bool {
		outputs, waiting := k.counted()
		if same++; outputs != last || outputs == 0 || waiting == 0 {
			last, same = outputs, 0
		}
		return same == 100
	})
}

// Answers to changes of keys keep their place in the output, also while that
// waits for room, in which there is only so much of them.
func TestUpgradedTLSKeyUpdate(t *testing.T) {
	nativeModes(t, func(t *testing.T, mode engine.Mode) {
		heard := make(chan string, 8)
		p := &party{secure: true, prepare: func(k *talker, _ *http.Request) {
			k.hears = func(b []byte) { heard <- string(b) }
		}}
		c, k := p.hold(t, &engine.Server{Mode: mode}).enterRaw(t)
		const size = 8 << 20
		fill(t, k, size)
		for range 3 {
			c.send(c.keyUpdate() + c.record(recordApplication, "x"))
			assert.Equal(t, <-heard, "x")
		}
		changes := 0
		for got := 0; got < size; {
			kind, data, err := c.receive()
			assert.NoError(t, err)
			switch kind {
			case recordHandshake:
				changes++
			case recordApplication:
				got += len(data)
			}
		}
		for ; changes < 3; changes++ {
			c.expect(recordHandshake, "")
		}
		k.say("done")
		c.expect(recordApplication, "done")

		fill(t, k, size)
		for range 10_000 {
			if _, err := c.conn.Write([]byte(c.keyUpdate() + c.record(recordApplication, "x"))); err != nil {
				break
			}
			select {
			case <-heard:
				continue
			case err := <-k.over:
				assert.Contains(t, err.Error(), "does not read what it asks for")
			}
			return
		}
		t.Error("it may ask for as many changes of keys as it likes")
	})
}
