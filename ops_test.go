package gale_test

import (
	"net"
	"net/http"
	"regexp"
	"syscall"
	"testing"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

var opsURL = regexp.MustCompile(`ops +(http://\S+)`)

func TestOpsListener(t *testing.T) {
	t.Parallel()
	metrics, health := obs.NewMetrics(), obs.NewHealth()
	r := start(t, text("hello"), gale.Options{
		Addr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", Metrics: metrics, Health: health,
	})
	ops := opsURL.FindStringSubmatch(r.banner.String())[1]
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr}
	get(t, c, "http://"+r.addr.String())
	status, body := get(t, c, ops+"/metrics")
	assert.Equal(t, status, 200)
	assert.Contains(t, body, "gale_http_requests_total{")
	status, _ = get(t, c, ops+"/readyz")
	assert.Equal(t, status, 200)
	// The service itself shows none of it.
	_, body = get(t, c, "http://"+r.addr.String()+"/metrics")
	assert.Equal(t, body, "hello")
}

func TestPublicOpsIsRefused(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:9090", "10.0.0.1:9090"} {
		failsWith(t, start(t, text(""), gale.Options{Addr: "127.0.0.1:0", OpsAddr: addr}).wait(),
			addr, "is not loopback", "AllowPublicOps")
	}
	failsWith(t, start(t, text(""), gale.Options{Addr: "127.0.0.1:0", OpsAddr: "nonsense"}).wait(), `OpsAddr "nonsense"`)
	r := start(t, text(""), gale.Options{Addr: "127.0.0.1:0", OpsAddr: "localhost:0"})
	assert.Contains(t, r.banner.String(), "ops ")
}

// Not parallel with itself only: it takes the one default port, or finds it
// taken, which is as good.
func TestDefaultOpsPortInUse(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "127.0.0.1:9090"); err == nil {
		defer l.Close()
	}
	r := start(t, text(""), gale.Options{Addr: "127.0.0.1:0", OpsAddr: useDefault})
	assert.Contains(t, r.banner.String(), "127.0.0.1:9090 is in use")
	err := start(t, text(""), gale.Options{Env: gale.Production, Addr: "127.0.0.1:0", OpsAddr: useDefault}).wait()
	assert.ErrorIs(t, err, syscall.EADDRINUSE)
	failsWith(t, err, "127.0.0.1:9090", "set OpsAddr to another")
}
