package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// maxInterfaces keeps the packet of a machine with thousands of containers
// below the 64 KiB that relay takes.
const maxInterfaces = 200

// network is an interface; it has no rates in the first sample, nor when its
// counters began anew.
type network struct {
	netBytes
	RxPerSec *float64 `json:"rx_per_s,omitzero"` // bytes
	TxPerSec *float64 `json:"tx_per_s,omitzero"`
}

// netBytes were received and sent since the interface came up.
type netBytes struct {
	Rx uint64 `json:"rx_bytes"`
	Tx uint64 `json:"tx_bytes"`
}

// parseNet reads /proc/net/dev: two lines of heading, then lines such as "eth0:
// 1500 12 0 0 0 0 0 0 900 8 …", eight numbers received and those sent. Loopback
// is left out.
func (s *sampler) parseNet(text string, since time.Duration) (any, error) {
	interfaces, now := map[string]network{}, map[string]netBytes{}
	for line := range strings.Lines(text) {
		name, numbers, ok := strings.Cut(line, ":")
		if name = strings.ToValidUTF8(strings.TrimSpace(name), "?"); !ok || name == "lo" {
			continue
		}
		var b netBytes
		var skip uint64
		if _, err := fmt.Sscan(numbers, &b.Rx, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &b.Tx); err != nil {
			return nil, fmt.Errorf("net/dev: %s: %w", name, err)
		}
		n := network{netBytes: b}
		if was, ok := s.net[name]; ok && b.Rx >= was.Rx && b.Tx >= was.Tx {
			n.RxPerSec = new(math.Round(float64(b.Rx-was.Rx) / since.Seconds()))
			n.TxPerSec = new(math.Round(float64(b.Tx-was.Tx) / since.Seconds()))
		}
		now[name], interfaces[name] = b, n
		if len(now) == maxInterfaces {
			break
		}
	}
	s.net = now
	if len(now) == 0 {
		return nil, nil
	}
	return interfaces, nil
}
