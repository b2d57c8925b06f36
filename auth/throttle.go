package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/text/unicode/norm"

	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/web"
)

// ThrottleOptions configure a [Throttle]. The Names of the limits are set by the
// Throttle.
type ThrottleOptions struct {
	// Name tells throttles of one store apart: 1 to 32 of a-z, 0-9, and any of
	// "._/-". Defaults to "signin", and to "code" with Codes.
	Name string
	// Codes chooses the defaults for what is short enough to be guessed: codes
	// of TOTP, of recovery, of a reset.
	Codes bool
	// Store keeps the counts, for all instances when it is shared. While it
	// fails they are kept in this process. Defaults to a [ratelimit.Memory].
	Store ratelimit.Store
	// Account limits the failures of one account from browsers that are not
	// known. Defaults to 5 in a minute, 8 in 10 minutes, 12 in an hour, 16 in 6
	// hours and 20 in a day, together: who fails on and on waits 12 s, then
	// 75 s, 5 minutes, 22 minutes and in the end 72 minutes each time. With
	// Codes to 5 in 5 minutes, 10 in an hour, 20 in a day and 60 in 30 days.
	Account []ratelimit.Limit
	// Device limits the failures of one account from one known browser.
	// Defaults to the same as Account.
	Device []ratelimit.Limit
	// Addr limits the failures of one address, of IPv6 its /64 network, whatever
	// the account. Defaults to 20 in a minute, 60 in an hour and 200 in a day.
	Addr []ratelimit.Limit
	// Network does so for each /48 network of IPv6, which one customer may
	// have. Defaults to 4 times as many as Addr's defaults.
	Network []ratelimit.Limit
	// Total limits all failures from browsers that are not known. Set it well
	// above what users mistype in all. Defaults to 600 in a minute.
	Total []ratelimit.Limit
	// Reserve limits what is let through while Total is used up: the failures of
	// one account, and those of one network of 256 addresses of IPv4 or a /48 of
	// IPv6. A flood from elsewhere so keeps nobody out, and gains by new networks
	// only. Defaults to 3 in a day.
	Reserve []ratelimit.Limit
	// Right limits the attempts at one account that are right, from any browser:
	// each costs a hash and a session, and whoever knows one password must not
	// keep all others from signing in. Defaults to 30 in a minute.
	Right []ratelimit.Limit
	// TrustedSince returns when the account's password was last changed, or the
	// zero time: browsers that were known before are not any more, so that one
	// who lost the password cannot guess the next with a bag of old cookies.
	// With Codes it should not be before the account's first second factor was set
	// up either: browsers from before it are known by the password alone, and who
	// has that could make any number of them. It is asked only about attempts from
	// known browsers. Optional.
	TrustedSince func(ctx context.Context, account string) (time.Time, error)
	// Metrics takes the metrics of [ratelimit.Options]. Optional.
	Metrics prometheus.Registerer
}

// Throttle bounds the guesses at secrets: of an account, from an address, in
// all. It is safe for concurrent use.
//
// Whoever floods an account with guesses makes the account's limit refuse
// everybody whom the Throttle does not know. The owner gets in all the same from
// a browser that has signed in before, which has a limit of its own; see
// [Devices]. And on a new browser, at the height of an attack, by a way without
// a guess, such as a link in a mail, after which [Devices.Remember] makes it a
// known one. Whoever floods all accounts at once, from whatever addresses, leaves
// the others the attempts of Reserve.
type Throttle struct {
	o      ThrottleOptions
	limits *ratelimit.Limiter
}

// Attempt is an attempt at a secret.
type Attempt struct {
	// Account is what was typed for the account's name, whether there is such
	// an account or not, or where one is known its id. Case and outer spaces do
	// not matter, nor does width in up to 1,024 bytes between those spaces.
	Account string
	// Addr is the client's address, of middleware.ClientAddr.
	Addr netip.Addr
	// Device is the browser, of [Devices.Known] for the same Account: one that is
	// known for another is not known. So the name by which an account is remembered
	// is its name for each Throttle that is to know its browsers, also for one of
	// Codes. The zero value is one that is not known.
	Device Device
}

// ThrottledError says that an attempt was refused without looking at the
// secret. It wraps a [*web.Error] with status 429.
type ThrottledError struct {
	// By is "account", "device", "addr", "network", "total" or "right".
	By string
	// RetryAfter is the time until the next attempt is allowed.
	RetryAfter time.Duration
}

// Error returns the limit and the time.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("auth: too many attempts by %s, next in %v", e.By, e.RetryAfter)
}

// Unwrap returns the answer for the client. It does not say which limit it was.
func (e *ThrottledError) Unwrap() error {
	seconds := int64((e.RetryAfter + time.Second - 1) / time.Second)
	wait := strconv.FormatInt(seconds, 10) + " seconds"
	if seconds > 90 {
		wait = strconv.FormatInt((seconds+59)/60, 10) + " minutes"
	}
	return &web.Error{
		Status:  http.StatusTooManyRequests,
		Code:    "too_many_attempts",
		Message: "Too many attempts. Please try again in " + wait + ".",
		Header:  http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}},
	}
}

// NewThrottle returns a throttle. It panics when an option makes no sense.
func NewThrottle(o ThrottleOptions) *Throttle {
	const day = 24 * time.Hour
	account := []ratelimit.Limit{
		{Rate: 5, Per: time.Minute},
		{Rate: 8, Per: 10 * time.Minute},
		{Rate: 12, Per: time.Hour},
		{Rate: 16, Per: 6 * time.Hour},
		{Rate: 20, Per: day},
	}
	name := "signin"
	if o.Codes {
		name = "code"
		account = []ratelimit.Limit{
			{Rate: 5, Per: 5 * time.Minute},
			{Rate: 10, Per: time.Hour},
			{Rate: 20, Per: day},
			{Rate: 60, Per: 30 * day},
		}
	}
	o.Name = cmp.Or(o.Name, name)
	if len(o.Name) > 32 {
		panic("auth: ThrottleOptions.Name is longer than 32; shorten it")
	}
	o.Account = o.named("account", o.Account, account)
	o.Device = o.named("device", o.Device, account)
	o.Addr = o.named("addr", o.Addr, []ratelimit.Limit{
		{Rate: 20, Per: time.Minute}, {Rate: 60, Per: time.Hour}, {Rate: 200, Per: day},
	})
	o.Network = o.named("network", o.Network, []ratelimit.Limit{
		{Rate: 80, Per: time.Minute}, {Rate: 240, Per: time.Hour}, {Rate: 800, Per: day},
	})
	o.Total = o.named("total", o.Total, []ratelimit.Limit{{Rate: 600, Per: time.Minute}})
	o.Reserve = o.named("reserve", o.Reserve, []ratelimit.Limit{{Rate: 3, Per: day}})
	o.Right = o.named("right", o.Right, []ratelimit.Limit{{Rate: 30, Per: time.Minute}})
	shared := max(len(o.Total), 2*len(o.Reserve))
	if n := max(len(o.Account)+len(o.Addr)+len(o.Network)+shared, len(o.Device)) + len(o.Right); n > ratelimit.MaxTakes {
		panic(fmt.Sprintf("auth: a Throttle with %d limits; at most %d are possible", n, ratelimit.MaxTakes))
	}
	return &Throttle{o: o, limits: ratelimit.New(ratelimit.Options{Store: o.Store, OnFailure: ratelimit.Local, Metrics: o.Metrics})}
}

// named returns limits, or the defaults, with names that tell them apart.
func (o *ThrottleOptions) named(by string, limits, defaults []ratelimit.Limit) []ratelimit.Limit {
	if len(limits) == 0 {
		limits = defaults
	}
	out := make([]ratelimit.Limit, len(limits))
	for i, l := range limits {
		l.Name = o.Name + "/" + by + "/" + strconv.Itoa(i)
		if err := l.Validate(); err != nil {
			panic("auth: ThrottleOptions: " + err.Error())
		}
		out[i] = l
	}
	return out
}

// Check calls verify unless a limit refuses the attempt; the error then is a
// [*ThrottledError]. verify reports whether the secret was right, and an error
// when that could not be found out. Attempts count from before they are looked
// at, so that many at once get no further than one after the other; one that was
// right, or could not be judged, is taken back, and counts as right only then. A
// right one from a known browser makes up for its failures.
//
// Look the account up inside of verify, and spend the time of a hash there also
// for an account that does not exist: see [Hasher.Verify].
func (t *Throttle) Check(ctx context.Context, a Attempt, verify func(context.Context) (bool, error)) (bool, error) {
	takes, known, err := t.takes(ctx, a, false)
	if err != nil {
		return false, err
	}
	res, err := t.limits.Take(ctx, takes)
	if err != nil {
		return false, err
	}
	if !res.Allowed {
		by := strings.Split(res.Denied, "/")
		refused := &ThrottledError{By: by[len(by)-2], RetryAfter: res.RetryAfter}
		if refused.By != "total" {
			return false, refused
		}
		// What others have used up must not decide alone.
		if takes, known, err = t.takes(ctx, a, true); err != nil {
			return false, err
		}
		if res, err = t.limits.Take(ctx, takes); err != nil {
			return false, err
		}
		if !res.Allowed {
			return false, refused
		}
	}
	source := ratelimit.Network(a.Addr, 32, 64)
	if known {
		source = accountKey(a.Account)
	}
	ok, err := verify(sourceKey.With(ctx, source))
	failures, right := takes[:len(takes)-len(t.o.Right)], takes[len(takes)-len(t.o.Right):]
	switch {
	case err != nil:
		back(takes)
	case ok:
		back(failures)
		for i := range failures {
			if known { // and never of what others share
				failures[i].Cost = -failures[i].Limit.Rate - failures[i].Limit.Burst
			}
		}
		takes = failures
	default:
		back(right)
		takes = right
	}
	// Also when the client has left: what it proved still counts. The limiter
	// bounds the wait, and a failure only leaves the attempt counted.
	_, _ = t.limits.Take(context.WithoutCancel(ctx), takes)
	return ok && err == nil, err
}

// back has takes give back what they took.
func back(takes []ratelimit.Take) {
	for i := range takes {
		takes[i].Cost = -1
	}
}

// takes returns what an attempt takes from: the limits of a known browser, or
// those of the account, the address and all, or of Reserve instead of all, and at
// last those of Right.
func (t *Throttle) takes(ctx context.Context, a Attempt, reserve bool) (takes []ratelimit.Take, known bool, err error) {
	account := accountKey(a.Account)
	known = a.Device.id != "" && a.Device.account == account
	if known && t.o.TrustedSince != nil {
		since, err := t.o.TrustedSince(ctx, a.Account)
		if err != nil {
			return nil, false, fmt.Errorf("auth: throttle: %w", err)
		}
		// The cookie has whole seconds.
		known = !a.Device.since.Before(since.Truncate(time.Second))
	}
	add := func(limits []ratelimit.Limit, key string) {
		for _, l := range limits {
			takes = append(takes, ratelimit.Take{Limit: l, Key: key})
		}
	}
	if known {
		add(t.o.Device, account+" "+a.Device.id)
		add(t.o.Right, account)
		return takes, true, nil
	}
	add(t.o.Account, account)
	add(t.o.Addr, ratelimit.Network(a.Addr, 32, 64))
	if a.Addr.Is6() && !a.Addr.Is4In6() {
		add(t.o.Network, ratelimit.Network(a.Addr, 32, 48))
	}
	if reserve {
		add(t.o.Reserve, account)
		add(t.o.Reserve, ratelimit.Network(a.Addr, 24, 48))
	} else {
		add(t.o.Total, "all")
	}
	add(t.o.Right, account)
	return takes, false, nil
}

// accountKey returns what stands for an account in stores and cookies: neither
// the name itself nor anything of a length that a client chooses.
func accountKey(account string) string {
	// First, since whoever looks the account up does no less: two names that
	// find one account must count as one, however much is around them.
	account = strings.ToLower(strings.TrimSpace(account))
	if len(account) <= maxPasswordBytes { // else it is nobody's, and not worth the work
		account = strings.ToLower(strings.TrimSpace(norm.NFKC.String(account)))
	}
	sum := sha256.Sum256([]byte(account))
	return hex.EncodeToString(sum[:16])
}
