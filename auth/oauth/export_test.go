package oauth

import "time"

// CleanText is cleanText.
func CleanText(s string) string { return cleanText(s) }

// MaxSpent is maxSpent.
const MaxSpent = maxSpent

// Spent is spent.
type Spent struct{ s spent }

// NewSpent returns an empty one.
func NewSpent() *Spent { return &Spent{spent{all: map[string]time.Time{}}} }

// Take is take.
func (s *Spent) Take(state string, now, end time.Time) bool { return s.s.take(state, now, end) }

// Len is how many are remembered.
func (s *Spent) Len() int { return len(s.s.all) }
