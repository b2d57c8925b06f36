package view

import (
	"errors"
	"fmt"
	"html/template"
	"time"
)

// funcs are the functions that every template has.
func (s *Set) funcs() template.FuncMap {
	funcs := template.FuncMap{
		"url": func(name string, pairs ...string) (string, error) {
			if s.o.URL == nil {
				return "", errors.New("Options.URL is not set")
			}
			return s.o.URL(name, pairs...)
		},
		"static": func(name string) (string, error) {
			if s.o.Static == nil {
				return "", errors.New("Options.Static is not set")
			}
			return s.o.Static(name)
		},
		"plural": plural,
		"dict":   dict,
		"date": func(t any) (template.HTML, error) {
			return s.timeElement(t, func(t time.Time) string { return t.Format("2 Jan 2006") })
		},
		"clock": func(t any) (template.HTML, error) {
			return s.timeElement(t, func(t time.Time) string { return t.Format("15:04:05") })
		},
		"ago": func(t any) (template.HTML, error) {
			return s.timeElement(t, func(t time.Time) string { return ago(s.o.Now().Sub(t)) })
		},
	}
	for name, fn := range s.o.Funcs {
		funcs[name] = fn
	}
	return funcs
}

// plural returns "1 packet", "2 packets".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// dict makes a map for a partial that needs several values.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a key has no value")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: key %v is not a string", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// timeElement returns a <time> with the exact moment for programs and in the
// title for people. Times are shown in UTC: the server does not know the
// reader's zone.
func (s *Set) timeElement(v any, text func(time.Time) string) (template.HTML, error) {
	var t time.Time
	switch v := v.(type) {
	case time.Time:
		t = v
	case *time.Time:
		if v != nil {
			t = *v
		}
	default:
		return "", fmt.Errorf("%T is not a time", v)
	}
	if t.IsZero() {
		return "", nil
	}
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`,
		t.Format(time.RFC3339Nano), t.Format("2 Jan 2006 15:04:05 UTC"), text(t))), nil
}

// ago says how long a duration is, in the largest unit that fits.
func ago(d time.Duration) string {
	for _, unit := range []struct {
		d         time.Duration
		one, many string
	}{
		{365 * 24 * time.Hour, "year", "years"},
		{30 * 24 * time.Hour, "month", "months"},
		{24 * time.Hour, "day", "days"},
		{time.Hour, "hour", "hours"},
		{time.Minute, "minute", "minutes"},
	} {
		if d >= unit.d {
			return plural(int(d/unit.d), unit.one, unit.many) + " ago"
		}
	}
	return "just now"
}
