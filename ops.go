package gale

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/obs"
)

// listenOps opens the ops listener, or returns nil when it is off. moved says
// that the usual port was in use and another was taken.
func (o Options) listenOps(ctx context.Context) (l net.Listener, moved bool, err error) {
	addr := o.OpsAddr
	switch addr {
	case opsOff:
		return nil, false, nil
	case "":
		addr = defaultOpsAddr
	}
	if err := o.checkOps(ctx, addr); err != nil {
		return nil, false, err
	}
	l, err = open(ctx, addr, "OpsAddr")
	// Two services on one developer's machine are usual; in production a second
	// one on the port is a mistake, and its metrics would go unseen.
	if o.OpsAddr == "" && o.Env == Dev && errors.Is(err, syscall.EADDRINUSE) {
		l, err = open(ctx, "127.0.0.1:0", "OpsAddr")
		moved = true
	}
	return l, moved, err
}

func (o Options) checkOps(ctx context.Context, addr string) error {
	if o.AllowPublicOps || strings.HasPrefix(addr, "unix:") {
		return nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("gale: OpsAddr %q: want host:port, unix:/path or %q: %w", addr, opsOff, err)
	}
	if host != "" {
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return fmt.Errorf("gale: OpsAddr %q: %w", addr, err)
		}
		if allLoopback(ips) {
			return nil
		}
	}
	return fmt.Errorf("gale: OpsAddr %q is not loopback, and the ops listener has no authentication; use 127.0.0.1, or set AllowPublicOps where only operators can reach it", addr)
}

func allLoopback(ips []netip.Addr) bool {
	for _, ip := range ips {
		if !ip.Unmap().IsLoopback() {
			return false
		}
	}
	return len(ips) > 0
}

func (o Options) opsServer(stalls *obs.StallWatch) *engine.Server {
	return &engine.Server{
		Handler: obs.NewOps(obs.OpsOptions{
			Metrics: o.Metrics, Health: o.Health, Version: o.Version, Hosts: o.OpsHosts, Stalls: stalls,
		}),
		ErrorLog: o.Logger,
		// It must answer when the engine is what is to be looked at.
		Mode: engine.Std,
	}
}
