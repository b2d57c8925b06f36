package obs

import (
	"context"
	"log/slog"
	"slices"
)

// logHandler redacts what passes to base and adds the request's facts. It
// keeps open groups itself and gives base none, since facts could not leave a
// group that base has opened.
type logHandler struct {
	base slog.Handler // with the attributes given outside of groups
	red  *redactor
	keys []string // of those attributes
	open []scope  // the open groups, outermost first
}

// scope is an open group and the attributes given in it.
type scope struct {
	name  string
	attrs []slog.Attr
}

func (h *logHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.base.Enabled(ctx, l) }

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := make([]slog.Attr, 0, r.NumAttrs()+6)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, h.red.attr(a, 0))
		return true
	})
	for _, s := range slices.Backward(h.open) {
		if attrs = slices.Concat(s.attrs, attrs); len(attrs) > 0 {
			attrs = []slog.Attr{{Key: s.name, Value: slog.GroupValue(attrs...)}}
		}
	}
	out := slog.NewRecord(r.Time, r.Level, h.red.text(r.Message), r.PC)
	out.AddAttrs(h.withFacts(attrs, RequestFrom(ctx))...)
	return h.base.Handle(ctx, out)
}

// withFacts appends the facts of r that no attribute names already. Of facts
// with one key the last counts.
func (h *logHandler) withFacts(attrs []slog.Attr, r *Request) []slog.Attr {
	facts := r.Attrs()
	given := len(attrs)
	for i, fact := range facts {
		same := func(a slog.Attr) bool { return a.Key == fact.Key }
		if !slices.Contains(h.keys, fact.Key) && !slices.ContainsFunc(attrs[:given], same) && !slices.ContainsFunc(facts[i+1:], same) {
			attrs = append(attrs, h.red.attr(fact, 0))
		}
	}
	return attrs
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	h2 := *h
	safe := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		safe[i] = h.red.attr(a, 0)
	}
	if n := len(h.open); n > 0 {
		h2.open = slices.Clone(h.open)
		h2.open[n-1].attrs = slices.Concat(h.open[n-1].attrs, safe)
		return &h2
	}
	h2.keys = slices.Clone(h.keys)
	for _, a := range safe {
		h2.keys = append(h2.keys, a.Key)
	}
	h2.base = h.base.WithAttrs(safe)
	return &h2
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	h2 := *h
	h2.open = append(slices.Clip(h.open), scope{name: h.red.visible(name)})
	return &h2
}
