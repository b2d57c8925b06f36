package main

import (
	"fmt"
	"math"
	"time"
)

// load is how many processes ran or waited to, the mean of 1, 5 and 15 minutes.
type load struct {
	One     float64 `json:"1m"`
	Five    float64 `json:"5m"`
	Fifteen float64 `json:"15m"`
}

// parseLoad reads /proc/loadavg: "0.20 0.18 0.12 1/80 11206".
func parseLoad(text string, _ time.Duration) (any, error) {
	var l load
	if _, err := fmt.Sscan(text, &l.One, &l.Five, &l.Fifteen); err != nil {
		return nil, fmt.Errorf("loadavg: %w", err)
	}
	if sum := l.One + l.Five + l.Fifteen; math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("loadavg: %.40q are no loads", text) // nor could JSON say them
	}
	return l, nil
}
