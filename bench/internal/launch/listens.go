package launch

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Listens waits until the process takes connections at addr, for ten seconds at
// most.
func (p *Process) Listens(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var d net.Dialer
	for {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("launch: %s ended before it listened:\n%s", p.cmd.Path, p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("launch: nobody listens at %s: %w\n%s", addr, err, p.Tail())
		case <-time.After(2 * time.Millisecond):
		}
	}
}
