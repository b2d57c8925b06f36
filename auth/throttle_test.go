package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/web"
)

// door is a sign-in that an attacker stands before: it counts the secrets that
// were really looked at.
type door struct {
	t        *testing.T
	clock    *galetest.Clock
	throttle *auth.Throttle
	looked   map[string]int // by account
}

func newDoor(t *testing.T, o auth.ThrottleOptions) *door {
	d := &door{t: t, clock: galetest.NewClock(t, time.Time{}), looked: map[string]int{}}
	if o.Store == nil {
		o.Store = ratelimit.NewMemory(ratelimit.MemoryOptions{Clock: d.clock.Now})
	}
	d.throttle = auth.NewThrottle(o)
	return d
}

// try returns nil when the secret was looked at.
func (d *door) try(a auth.Attempt, right bool) *auth.ThrottledError {
	d.t.Helper()
	ok, err := d.throttle.Check(d.t.Context(), a, func(context.Context) (bool, error) {
		d.looked[a.Account]++
		return right, nil
	})
	if throttled, is := errors.AsType[*auth.ThrottledError](err); is {
		assert.True(d.t, !ok, "right though refused")
		return throttled
	}
	assert.NoError(d.t, err)
	assert.Equal(d.t, ok, right)
	return nil
}

// guess tries as soon as it may, for as long, and returns the waits.
func (d *door) guess(a auth.Attempt, during time.Duration) (waits []time.Duration) {
	d.t.Helper()
	end := d.clock.Now().Add(during)
	var waited time.Duration
	for {
		refused := d.try(a, false)
		if refused == nil {
			waits, waited = append(waits, waited), 0
			continue
		}
		assert.True(d.t, refused.RetryAfter > 0, "refused without a wait")
		if d.clock.Now().Add(refused.RetryAfter).After(end) {
			return waits
		}
		waited += refused.RetryAfter
		d.clock.Advance(refused.RetryAfter)
	}
}

var (
	attacker = netip.MustParseAddr("203.0.113.66")
	home     = netip.MustParseAddr("198.51.100.7")
)

func TestOneAddressAgainstOneAccount(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	waits := d.guess(auth.Attempt{Account: "alice", Addr: attacker}, 7*24*time.Hour)
	// Free at first, then some minutes, hours at last: each fifth guess waits
	// about five times as long as the one before.
	assert.Equal(t, waits[:8], []time.Duration{0, 0, 0, 0, 0, 12 * time.Second, 12 * time.Second, 12 * time.Second})
	for i := 5; i+5 < 20; i++ {
		assert.True(t, waits[i+5] >= 2*waits[i], fmt.Sprintf("wait %d is %v, wait %d only %v", i, waits[i], i+5, waits[i+5]))
	}
	assert.Equal(t, waits[len(waits)-1], 72*time.Minute)
	assert.True(t, len(waits) <= 20+7*20, fmt.Sprint(len(waits), " guesses in a week"))
}

func TestTrialsDuringTheWaitDoNotLengthenIt(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	for range 5 {
		d.try(auth.Attempt{Account: "alice", Addr: attacker}, false)
	}
	for range 1000 {
		refused := d.try(auth.Attempt{Account: "alice", Addr: attacker}, false)
		assert.Equal(t, refused.By, "account")
		assert.Equal(t, refused.RetryAfter, 12*time.Second)
	}
	assert.Equal(t, d.looked["alice"], 5)
	d.clock.Advance(12 * time.Second)
	assert.True(t, d.try(auth.Attempt{Account: "alice", Addr: home}, true) == nil, "the owner waits longer than the limit says")
}

func TestTenThousandAddressesAgainstOneAccount(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	devices := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k"), Clock: d.clock.Now})
	owner := remembered(t, devices, "alice")
	var mallory browser
	mallory.signIn(t, devices, "mallory") // who has an account of his own
	addr := netip.MustParseAddr("10.0.0.0")
	for i := range 10_000 {
		addr = addr.Next()
		d.try(auth.Attempt{Account: "alice", Addr: addr, Device: mallory.known(devices, "alice")}, false)
		if i%100 == 0 {
			// In the middle of it the owner mistypes, and then gets in.
			device := owner.known(devices, "alice")
			assert.True(t, d.try(auth.Attempt{Account: "alice", Addr: home, Device: device}, false) == nil, "the owner is locked out")
			assert.True(t, d.try(auth.Attempt{Account: "Alice ", Addr: home, Device: device}, true) == nil, "the owner is locked out")
		}
		d.clock.Advance(time.Second)
	}
	guesses := d.looked["alice"] - 100
	assert.True(t, guesses <= 36, fmt.Sprint(guesses, " guesses from 10,000 addresses in 3 hours"))
	refused := d.try(auth.Attempt{Account: "alice", Addr: home}, true)
	assert.Equal(t, refused.By, "account") // from a browser that is not known
	assert.True(t, refused.RetryAfter <= 72*time.Minute, refused.Error())
}

func TestManyAccountsFromOneAddress(t *testing.T) {
	t.Parallel()
	for name, addr := range map[string]func(i int) netip.Addr{
		"one address": func(int) netip.Addr { return attacker },
		"mapped":      func(i int) netip.Addr { return []netip.Addr{attacker, netip.AddrFrom16(attacker.As16())}[i%2] },
		"one /64": func(i int) netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 8: byte(i), 9: byte(i >> 8)})
		},
		"unknown": func(int) netip.Addr { return netip.Addr{} },
	} {
		d := newDoor(t, auth.ThrottleOptions{})
		for i := range 24 * 60 { // a day
			d.try(auth.Attempt{Account: fmt.Sprint("user", i), Addr: addr(i)}, false)
			// His own account, to which he knows the password, resets nothing.
			d.try(auth.Attempt{Account: "mallory", Addr: addr(i)}, true)
			d.clock.Advance(time.Minute)
		}
		delete(d.looked, "mallory")
		if n := len(d.looked); n < 200 || n > 400 {
			t.Errorf("%s: %d accounts were tried in a day, want 200 and what comes back", name, n)
		}
	}
}

func TestManyNetworksOfOneCustomer(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	for i := range 4 * 1440 {
		addr := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 6: byte(i), 7: byte(i >> 8)}) // another /64 each
		d.try(auth.Attempt{Account: fmt.Sprint("user", i), Addr: addr}, false)
		d.clock.Advance(15 * time.Second)
	}
	assert.True(t, len(d.looked) <= 1600, fmt.Sprint(len(d.looked), " accounts were tried from one /48"))
}

// One guess for each account, each from another address: nothing but the total
// can see it. It must not keep those out who have nothing to do with it.
func TestManyAccountsFromManyAddresses(t *testing.T) {
	t.Parallel()
	for _, codes := range []bool{false, true} {
		d := newDoor(t, auth.ThrottleOptions{Codes: codes})
		devices := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k"), Clock: d.clock.Now})
		owner := remembered(t, devices, "alice")
		addr := netip.MustParseAddr("10.0.0.0")
		flood := func() {
			for i := range 10_000 {
				addr = addr.Next()
				d.try(auth.Attempt{Account: fmt.Sprint("user", i), Addr: addr}, false)
				d.clock.Advance(6 * time.Millisecond) // a minute in all
			}
			d.try(auth.Attempt{Account: "last", Addr: attacker}, false) // of what has come back
		}
		flood()
		// 1,200 of the total, and 3 of each of 40 networks.
		assert.True(t, len(d.looked) <= 1325, fmt.Sprint(len(d.looked), " accounts were tried in a minute"))
		assert.Equal(t, d.try(auth.Attempt{Account: "new", Addr: addr}, false).By, "total")
		assert.True(t, d.try(auth.Attempt{Account: "alice", Addr: home, Device: owner.known(devices, "alice")}, true) == nil, "a known browser is locked out")
		assert.Equal(t, d.try(auth.Attempt{Account: "bob", Addr: home}, false), nil) // mistyped
		for range 20 {
			assert.Equal(t, d.try(auth.Attempt{Account: "bob", Addr: home}, true), nil)
		}
		for range 2 {
			assert.Equal(t, d.try(auth.Attempt{Account: "bob", Addr: home}, false), nil)
		}
		assert.Equal(t, d.try(auth.Attempt{Account: "bob", Addr: home}, true).By, "total")
		assert.Equal(t, d.try(auth.Attempt{Account: "bob", Addr: netip.MustParseAddr("2001:db8::1")}, true).By, "total") // of the account
		assert.Equal(t, d.try(auth.Attempt{Account: "cay", Addr: home.Next()}, true).By, "total")                        // of the network
		clear(d.looked)
		flood() // from other networks
		assert.True(t, len(d.looked) <= 725, fmt.Sprint(len(d.looked), " accounts were tried in the next minute"))
	}
}

func TestManyGuessesAtOnce(t *testing.T) {
	t.Parallel()
	throttle := auth.NewThrottle(auth.ThrottleOptions{})
	var looked, waiting atomic.Int64
	release := make(chan struct{})
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			defer func() {
				if waiting.Add(1) == 100-5 { // all that were refused
					close(release)
				}
			}()
			_, err := throttle.Check(t.Context(), auth.Attempt{Account: "alice", Addr: attacker}, func(context.Context) (bool, error) {
				looked.Add(1)
				<-release // a slow hash
				return false, nil
			})
			if _, is := errors.AsType[*auth.ThrottledError](err); err != nil && !is {
				t.Errorf("Check: %v", err)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, looked.Load(), 5)
}

func TestWhatCouldNotBeJudgedIsNoGuess(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	for range 100 {
		ok, err := d.throttle.Check(ctx, auth.Attempt{Account: "alice", Addr: home}, func(context.Context) (bool, error) {
			cancel() // the client has left meanwhile
			return true, auth.ErrBusy
		})
		assert.ErrorIs(t, err, auth.ErrBusy)
		assert.True(t, !ok, "right with an error")
		ctx, cancel = context.WithCancel(t.Context())
	}
	cancel()
	assert.True(t, d.try(auth.Attempt{Account: "alice", Addr: home}, false) == nil, "a busy server counts as wrong passwords")
	for range 10 {
		d.try(auth.Attempt{Account: "alice", Addr: home}, true)
	}
	for range 4 {
		assert.True(t, d.try(auth.Attempt{Account: "alice", Addr: home}, false) == nil, "right passwords count as wrong ones")
	}
	assert.True(t, d.try(auth.Attempt{Account: "alice", Addr: home}, false) != nil, "right passwords from a new browser undo wrong ones")
}

func TestAPanicCountsAsAGuess(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	for range 5 {
		assert.Panics(t, func() {
			_, _ = d.throttle.Check(t.Context(), auth.Attempt{Account: "alice", Addr: home}, func(context.Context) (bool, error) { panic("boom") })
		})
	}
	assert.True(t, d.try(auth.Attempt{Account: "alice", Addr: home}, false) != nil, "a panic is a way around the limit")
}

func TestAKnownBrowserIsLimitedToo(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	devices := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k"), Clock: d.clock.Now})
	b := remembered(t, devices, "alice")
	stolen := auth.Attempt{Account: "alice", Addr: attacker, Device: b.known(devices, "alice")}
	waits := d.guess(stolen, 24*time.Hour)
	assert.True(t, len(waits) <= 40, fmt.Sprint(len(waits), " guesses on a stolen laptop in a day"))
	assert.Equal(t, d.try(stolen, false).By, "device")
	d.clock.Advance(2 * time.Hour)
	assert.True(t, d.try(stolen, true) == nil, "the owner waits too long")
	for range 5 { // who knows the password need not guess
		assert.True(t, d.try(stolen, false) == nil, "a right password does not make up for wrong ones")
	}
}

func TestAfterAChangeOfPasswordBrowsersAreStrangers(t *testing.T) {
	t.Parallel()
	var changed time.Time
	var failing error
	d := newDoor(t, auth.ThrottleOptions{TrustedSince: func(_ context.Context, account string) (time.Time, error) {
		if account != "alice" {
			t.Errorf("TrustedSince is asked about %q", account)
		}
		return changed, failing
	}})
	devices := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k"), Clock: d.clock.Now})
	bag := make([]*browser, 50) // of one who knew the old password
	for i := range bag {
		bag[i] = remembered(t, devices, "alice")
	}
	d.clock.Advance(time.Hour)
	changed = d.clock.Now().Add(300 * time.Millisecond)
	owner := remembered(t, devices, "alice")
	d.clock.Advance(time.Minute)
	for _, b := range bag {
		d.try(auth.Attempt{Account: "alice", Addr: attacker, Device: b.known(devices, "alice")}, false)
	}
	assert.Equal(t, d.looked["alice"], 5)
	mine := auth.Attempt{Account: "alice", Addr: home, Device: owner.known(devices, "alice")}
	assert.True(t, d.try(mine, true) == nil, "the browser that changed the password is a stranger")
	// A right password with an old cookie must not reset what others share.
	d.clock.Advance(time.Minute)
	old := auth.Attempt{Account: "alice", Addr: attacker, Device: bag[0].known(devices, "alice")}
	assert.True(t, d.try(old, true) == nil, "the limit does not come back")
	d.guess(auth.Attempt{Account: "alice", Addr: attacker}, 0)
	assert.True(t, d.looked["alice"] <= 5+1+1+5, fmt.Sprint(d.looked["alice"], " guesses"))

	failing = errors.New("database is away")
	_, err := d.throttle.Check(t.Context(), mine, func(context.Context) (bool, error) { return true, nil })
	assert.ErrorIs(t, err, failing)
}

// Six digits of which three are right at a time: the limit must make a month of
// guessing hopeless.
func TestCodes(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{Codes: true})
	waits := d.guess(auth.Attempt{Account: "7", Addr: attacker}, 30*24*time.Hour)
	assert.True(t, len(waits) >= 60 && len(waits) <= 120, fmt.Sprint(len(waits), " guesses at a code in a month"))

	// Throttles of one store do not share their counts unless they share a name.
	store := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	signin, codes, more := newDoor(t, auth.ThrottleOptions{Store: store}), newDoor(t, auth.ThrottleOptions{Store: store, Codes: true}), newDoor(t, auth.ThrottleOptions{Store: store, Codes: true})
	a := auth.Attempt{Account: "7", Addr: home}
	for range 5 {
		assert.True(t, signin.try(a, false) == nil, "refused too early")
	}
	for range 5 {
		assert.True(t, codes.try(a, false) == nil, "guesses at a password count as guesses at a code")
	}
	assert.True(t, more.try(a, false) != nil, "another kind of code gives new guesses")
}

func TestABrokenStoreIsNoWayAround(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{Store: brokenStore{}})
	ctx := obs.WithLogger(t.Context(), quiet())
	for range 50 {
		_, _ = d.throttle.Check(ctx, auth.Attempt{Account: "alice", Addr: attacker}, func(context.Context) (bool, error) {
			d.looked["alice"]++
			return false, nil
		})
	}
	assert.Equal(t, d.looked["alice"], 5)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, err := d.throttle.Check(ctx, auth.Attempt{Account: "bob"}, func(context.Context) (bool, error) {
		t.Error("looked at without a count")
		return true, nil
	})
	assert.ErrorIs(t, err, context.Canceled)
}

type brokenStore struct{}

func (brokenStore) Charge(context.Context, []ratelimit.Charge) (bool, error) {
	return false, errors.New("connection refused")
}

func TestOneAccountByManySpellings(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	for _, name := range []string{"alice@example.com", "ALICE@example.com", " alice@example.com\t", "ａｌｉｃｅ@example.com", "Alice@Example.Com"} {
		assert.True(t, d.try(auth.Attempt{Account: name, Addr: home}, false) == nil, "refused too early")
	}
	for _, pad := range []int{0, 1100, 2000, 1 << 20} { // each from an address that has not guessed yet
		name := strings.Repeat(" ", pad) + "alice@example.com" + strings.Repeat("\u3000", pad)
		assert.True(t, d.try(auth.Attempt{Account: name, Addr: attacker}, false) != nil, "another spelling gives new guesses")
	}
	for range 5 {
		assert.True(t, d.try(auth.Attempt{Account: "i\u0323@example.com", Addr: home}, false) == nil, "refused too early")
	}
	// strings.ToLower makes these two the same, and an account is found by either.
	assert.True(t, d.try(auth.Attempt{Account: "\u0130\u0323@example.com", Addr: attacker}, false) != nil, "another spelling gives new guesses")
	for _, name := range []string{"", "\x00", "\xff", strings.Repeat("a", 1<<20), strings.Repeat("\ufdfa", 1<<16)} {
		assert.True(t, d.try(auth.Attempt{Account: name, Addr: attacker}, false) == nil, "a strange name shares the limit of another")
	}
}

func TestThrottledError(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		time.Millisecond:                   "1 1 seconds",
		12 * time.Second:                   "12 12 seconds",
		90 * time.Second:                   "90 90 seconds",
		5*time.Minute + 1*time.Millisecond: "301 6 minutes",
	} {
		err := error(&auth.ThrottledError{By: "account", RetryAfter: wait})
		e, ok := errors.AsType[*web.Error](err)
		assert.True(t, ok, "no web.Error")
		assert.Equal(t, e.Status, 429)
		assert.Equal(t, e.Header.Get("Retry-After")+" "+strings.TrimSuffix(strings.TrimPrefix(e.Message, "Too many attempts. Please try again in "), "."), want)
		assert.True(t, !strings.Contains(e.Message, "account"), "the answer says which limit it was")
		assert.Contains(t, err.Error(), "account")
	}
}

func TestThrottlesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	one := ratelimit.Limit{Rate: 1, Per: time.Hour}
	for _, o := range []auth.ThrottleOptions{
		{Name: "Sign In"},
		{Name: strings.Repeat("n", 33)},
		{Account: []ratelimit.Limit{{}}},
		{Total: []ratelimit.Limit{one, {Rate: -1, Per: time.Hour}}},
		{Account: make([]ratelimit.Limit, 40)},
		{Reserve: slices.Repeat([]ratelimit.Limit{one}, 11)},
	} {
		for i := range o.Account {
			if len(o.Account) > 1 {
				o.Account[i] = one
			}
		}
		assert.Contains(t, assert.Panics(t, func() { auth.NewThrottle(o) }).(string), "auth: ")
	}
	d := newDoor(t, auth.ThrottleOptions{Account: []ratelimit.Limit{one}})
	a := auth.Attempt{Account: "alice", Addr: home}
	assert.True(t, d.try(a, false) == nil && d.try(a, false).RetryAfter == time.Hour, "own limits do not count")
	assert.Equal(t, one.Name, "") // the caller's slice is left as it is
}

// Whoever knows one password must not have all the hashes, nor fill the store with
// sessions; guesses do not use up what the owner's sign-ins have.
func TestRightAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	d := newDoor(t, auth.ThrottleOptions{})
	devices := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("k"), Clock: d.clock.Now})
	b := remembered(t, devices, "mallory")
	a := auth.Attempt{Account: "mallory", Addr: attacker}
	for i := range 30 {
		a.Device = auth.Device{}
		if i%2 == 1 {
			a.Device = b.known(devices, a.Account)
		}
		assert.Equal(t, d.try(a, true), nil)
		if i%10 == 0 {
			assert.Equal(t, d.try(a, false), nil)
		}
	}
	refused := d.try(a, true)
	assert.True(t, refused != nil && refused.By == "right" && refused.RetryAfter <= 2*time.Second, fmt.Sprint(refused))
	assert.Equal(t, d.try(auth.Attempt{Account: "alice", Addr: attacker}, true), nil)
	d.clock.Advance(2 * time.Second)
	assert.Equal(t, d.try(a, true), nil)
	assert.True(t, d.try(a, true) != nil, "more than 30 in a minute")
}
