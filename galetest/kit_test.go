package galetest_test

import (
	"net"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/mail"
)

func TestClock(t *testing.T) {
	t.Parallel()
	var now func() time.Time = galetest.NewClock(t, time.Time{}).Now
	assert.Equal(t, now(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := galetest.NewClock(t, start)
	c.Advance(time.Hour)
	assert.Equal(t, c.Now(), start.Add(time.Hour))
	try(t, func(tb testing.TB) { galetest.NewClock(tb, start).Advance(-1) }).failedWith(t, "turn the clock back")
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	o := galetest.NewOutbox(t)
	var sender mail.Sender = o
	done := make(chan error)
	go func() {
		done <- sender.Send(t.Context(), mail.Message{To: []string{"Ada <ada@example.com>"}, Subject: "code", Text: "1"})
	}()
	assert.Equal(t, o.WaitFor("ada@example.com").Subject, "code")
	assert.NoError(t, <-done)
	assert.Equal(t, o.Last().Text, "1")
	try(t, func(tb testing.TB) { galetest.NewOutbox(tb).Last() }).failedWith(t, "no mail was sent")
}

func TestRequire(t *testing.T) { // not parallel: sets the environment
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	address := "redis://" + l.Addr().String()
	t.Setenv("GALE_TEST_REDIS", address)
	t.Setenv(galetest.RequireServices, "")
	assert.Equal(t, galetest.Require(t, "redis"), address)

	assert.NoError(t, l.Close())
	f := try(t, func(tb testing.TB) { galetest.Require(tb, "redis") })
	f.failedWith(t, "")
	assert.True(t, f.skipped, "the test was not skipped")

	t.Setenv(galetest.RequireServices, "1")
	f = try(t, func(tb testing.TB) { galetest.Require(tb, "redis") })
	f.failedWith(t, "redis is required (GALE_REQUIRE_SERVICES)")
	try(t, func(tb testing.TB) { galetest.Require(tb, "oracle") }).failedWith(t, `no service "oracle"`)
}
