package ratelimit

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/galeweb/gale/web"
)

// Rule is a limit on requests.
type Rule struct {
	Limit Limit
	// Key returns whose limit it is, and "" for requests that the rule does
	// not touch. Required.
	Key KeyFunc
	// Cost returns how many events a request counts as. Defaults to 1.
	Cost func(*http.Request) int
}

// Middleware takes from all of rules for each request, or from none when one of
// them is used up: then the answer is 429 with Retry-After, in the form that
// the group of routes has for its errors.
//
// Every answer says what is left, in the fields RateLimit-Policy and RateLimit
// of draft-ietf-httpapi-ratelimit-headers: "address";q=100;w=10 is the burst
// and the seconds in which it comes back, "address";r=99;t=1 what is left and
// the seconds until nothing is used. Middleware inside one another add to them.
//
// It panics when a rule makes no sense or two have one name.
func (l *Limiter) Middleware(rules ...Rule) func(http.Handler) http.Handler {
	if len(rules) == 0 || len(rules) > MaxTakes {
		panic(fmt.Sprintf("ratelimit: Middleware with %d rules; give 1 to %d", len(rules), MaxTakes))
	}
	policies, meters := make([]string, len(rules)), make([]meter, len(rules))
	names := map[string]bool{}
	for i, r := range rules {
		r.Limit.check()
		if r.Key == nil {
			panic("ratelimit: rule " + r.Limit.Name + " has no Key; use ByAddr(middleware.ClientAddr), or another")
		}
		if names[r.Limit.Name] {
			panic("ratelimit: two rules are called " + r.Limit.Name + "; rename one")
		}
		names[r.Limit.Name] = true
		policies[i], meters[i] = r.Limit.policy(), r.Limit.meter()
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var few [4]Take
			takes := few[:0]
			h := w.Header()
			for i, rule := range rules {
				key := rule.Key(r)
				if key == "" {
					continue
				}
				take := Take{Limit: rule.Limit, Key: key, meter: meters[i]}
				if rule.Cost != nil {
					if take.Cost = rule.Cost(r); take.Cost <= 0 {
						continue
					}
				}
				takes = append(takes, take)
				h["Ratelimit-Policy"] = append(h["Ratelimit-Policy"], policies[i])
			}
			if len(takes) == 0 {
				next.ServeHTTP(w, r)
				return
			}
			res, err := l.take(r.Context(), takes)
			if err != nil {
				web.Fail(w, r, err)
				return
			}
			for i := range takes {
				if !res.Failed {
					h["Ratelimit"] = append(h["Ratelimit"], takes[i].Limit.left(takes[i].State))
				}
			}
			if err := res.Err(); err != nil {
				web.Fail(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// policy returns the limit as an item of RateLimit-Policy.
func (l Limit) policy() string {
	return `"` + l.Name + `";q=` + strconv.Itoa(l.burst()) + ";w=" + strconv.FormatInt(seconds(l.meter().capacity), 10)
}

// left returns the state of the limit as an item of RateLimit.
func (l Limit) left(s State) string {
	var buf [maxName + 40]byte
	b := append(buf[:0], '"')
	b = append(b, l.Name...)
	b = append(b, `";r=`...)
	b = strconv.AppendInt(b, int64(s.Remaining), 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, seconds(max(s.Reset, time.Duration(0))), 10)
	return string(b)
}
