// Package latest keeps the last few of many values.
package latest

// Ring keeps the last values that were added, as many as Most, which must be
// positive. Its user guards it.
type Ring[T any] struct {
	Most int

	all  []T
	next int
}

// Add adds v, in place of the oldest when there are too many.
func (r *Ring[T]) Add(v T) {
	if len(r.all) < r.Most {
		r.all = append(r.all, v)
		return
	}
	r.all[r.next] = v
	r.next = (r.next + 1) % r.Most
}

// All calls yield for each value, the oldest first.
func (r *Ring[T]) All(yield func(T) bool) {
	for i := range r.all {
		if !yield(r.all[(r.next+i)%len(r.all)]) {
			return
		}
	}
}
