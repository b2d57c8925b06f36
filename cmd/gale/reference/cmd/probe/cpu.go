package main

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// cpu is how busy the processors were since the last sample; 100 is all of them.
type cpu struct {
	Percent float64 `json:"percent"`
}

// cpuTimes are sums over the processors, in ticks since boot.
type cpuTimes struct{ busy, total uint64 }

// parseCPU reads the first line of /proc/stat, "cpu user nice system idle iowait
// irq softirq steal …"; the guest times that follow are part of user.
func (s *sampler) parseCPU(text string, _ time.Duration) (any, error) {
	var name string
	var user, nice, system, idle, iowait, irq, softirq, steal uint64
	_, err := fmt.Sscan(text, &name, &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal)
	if err != nil || name != "cpu" {
		return nil, errors.New("stat does not begin with the times of the processors")
	}
	busy := user + nice + system + irq + softirq + steal
	was, now := s.cpu, cpuTimes{busy, busy + idle + iowait}
	s.cpu = now
	// Counters may step back: iowait does, and all of them in a moved guest.
	if was.total == 0 || now.total <= was.total || now.busy < was.busy {
		return nil, nil
	}
	percent := 100 * float64(now.busy-was.busy) / float64(now.total-was.total)
	return cpu{min(100, math.Round(percent*10)/10)}, nil
}
