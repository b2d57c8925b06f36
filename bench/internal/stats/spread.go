// Package stats sums up the rounds of a benchmark.
package stats

import (
	"fmt"
	"slices"
)

// Spread is one figure over all rounds.
type Spread struct{ Low, Median, High float64 }

// SpreadOf sorts all and returns their spread; that of nothing is zero.
func SpreadOf(all []float64) Spread {
	n := len(all)
	if n == 0 {
		return Spread{}
	}
	slices.Sort(all)
	return Spread{Low: all[0], Median: (all[(n-1)/2] + all[n/2]) / 2, High: all[n-1]}
}

// Thousands writes 123456.7 as 123,457.
func Thousands(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
