package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// memory is in bytes. Available is what programs could get without swapping,
// caches included; used is the rest.
type memory struct {
	Total     uint64 `json:"total_bytes"`
	Available uint64 `json:"available_bytes"`
	Used      uint64 `json:"used_bytes"`
	SwapUsed  uint64 `json:"swap_used_bytes"`
}

// parseMemory reads /proc/meminfo: lines such as "MemTotal:  16318480 kB".
func parseMemory(text string, _ time.Duration) (any, error) {
	kib := map[string]uint64{}
	for line := range strings.Lines(text) {
		var name string
		var n uint64
		if _, err := fmt.Sscan(line, &name, &n); err == nil {
			kib[name] = n
		}
	}
	total, available := kib["MemTotal:"], kib["MemAvailable:"]
	if total == 0 || available == 0 || available > total || kib["SwapFree:"] > kib["SwapTotal:"] {
		return nil, errors.New("meminfo lacks MemTotal or MemAvailable, or they contradict each other")
	}
	return memory{total << 10, available << 10, (total - available) << 10, (kib["SwapTotal:"] - kib["SwapFree:"]) << 10}, nil
}
