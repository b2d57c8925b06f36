package gale_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
)

func TestBannerInDev(t *testing.T) {
	t.Parallel()
	r := start(t, text(""), gale.Options{
		Name: "relay", Version: "v1.2.3", Addr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0",
		Chain: middleware.DefaultOptions{WithoutCrossOrigin: true},
	})
	want := regexp.MustCompile(`^
  relay v1\.2\.3 \(dev\), started in \d+m?s

  open    http://127\.0\.0\.1:\d+
  ops     http://127\.0\.0\.1:\d+  \(metrics, health, profiles\)
  off     cross-origin check

  Ctrl-C drains and stops; twice stops at once\.

$`)
	if got := r.banner.String(); !want.MatchString(got) {
		t.Errorf("the banner is\n%s", got)
	}
}

// What the program did before Run counts as part of its start.
func TestBannerCountsFromTheBeginning(t *testing.T) {
	t.Parallel()
	r := start(t, text(""), gale.Options{Addr: "127.0.0.1:0", Began: time.Now().Add(-time.Hour)})
	assert.Contains(t, r.banner.String(), "started in 1h0m")
}

func TestBannerNamesWhatIsUnsafe(t *testing.T) {
	t.Parallel()
	r := start(t, text(""), gale.Options{Addr: ":0", OpsAddr: "0.0.0.0:0", AllowPublicOps: true})
	banner := r.banner.String()
	assert.Contains(t, banner, "  open    http://localhost:")
	assert.Contains(t, banner, "  unsafe  ops listener is public")
	assert.Contains(t, banner, "  unsafe  dev environment on a public address")
	r = start(t, text(""), gale.Options{Addr: "127.0.0.1:0", Middleware: middleware.Default(middleware.DefaultOptions{})})
	assert.True(t, !strings.Contains(r.banner.String(), "unsafe"), "loopback is called unsafe")
	assert.Contains(t, r.banner.String(), "off     ops listener")
	assert.Contains(t, r.banner.String(), "off     default middleware")
}

func TestProductionLogsOneRecord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(o *gale.Options)
		unsafe string // or nothing
	}{
		"plain":    {func(*gale.Options) {}, "plain HTTP on a public address without trusted proxies"},
		"proxied":  {func(o *gale.Options) { o.Chain.ClientIP.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, ""},
		"loopback": {func(o *gale.Options) { o.Addr = "127.0.0.1:0" }, ""},
	} {
		var log bytes.Buffer
		o := gale.Options{
			Name: "relay", Version: "v1", Env: gale.Production, Addr: ":0", DrainDelay: -1,
			Logger: slog.New(slog.NewJSONHandler(&log, nil)),
		}
		c.change(&o)
		r := start(t, text(""), o)
		r.terminate()
		assert.NoError(t, r.wait())
		assert.Equal(t, r.banner.String(), "")
		line, _, _ := strings.Cut(log.String(), "\n")
		var got struct {
			Msg, Name, Version, Env, Ops string
			Addrs, Off, Unsafe           []string
		}
		assert.NoError(t, json.Unmarshal([]byte(line), &got))
		assert.Equal(t, got.Msg+" "+got.Name+" "+got.Version+" "+got.Env+" "+got.Ops, "started relay v1 production off")
		assert.Equal(t, len(got.Addrs), 1)
		if unsafe := strings.Join(got.Unsafe, "; "); (c.unsafe == "") != (unsafe == "") || !strings.Contains(unsafe, c.unsafe) {
			t.Errorf("%s: unsafe is %q, want %q", name, unsafe, c.unsafe)
		}
	}
}

func TestNameAndVersionComeFromTheBuild(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	r := start(t, text(""), gale.Options{Listeners: []net.Listener{l}})
	assert.Contains(t, r.banner.String(), "\n  gale.test ")
}
