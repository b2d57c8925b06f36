package hubclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/hub/hubclient"
	"github.com/galeweb/gale/internal/assert"
)

// bubble runs f with a scripted server and a clock of its own.
func bubble(t *testing.T, f func(t *testing.T, s *server)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newServer(t)) })
}

func TestMessages(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(s.options())
		r := read[string](t, c, "t", hubclient.SubscribeOptions{Recent: 3})
		p.expect(`{"type":"subscribe","topic":"t","recent":3}`)
		p.say(`{"type":"subscribed","topic":"t","epoch":"e","offset":4}`)
		p.say(`{"type":"messages","topic":"t","epoch":"e","items":[{"offset":5,"data":"a"},{"offset":9,"data":"b"}],"tomorrow":1}`)
		r.expect(t, "5 a", "9 b")
		p.say(`{"type":"messages","topic":"t","epoch":"e","missed":3,"items":[{"offset":9,"data":"b"},{"offset":20,"data":"c"}]}`)
		p.say(`{"type":"messages","topic":"t","epoch":"f","items":[{"offset":1,"data":"d"},{"offset":2,"data":3},{"offset":3,"data":"e"}]}`)
		r.expect(t, "lost 3", "20 c", "lost 0", "1 d")
		assert.Contains(t, <-r.told, `hubclient: message 2 of "t": json: `)
		r.expect(t, "3 e")

		_, err := hubclient.Subscribe[int](t.Context(), c, "t", hubclient.SubscribeOptions{})
		assert.ErrorIs(t, err, hubclient.ErrSubscribed)
		r.sub.Close()
		r.ended(t)
		p.expect(`{"type":"unsubscribe","topic":"t"}`)

		// What still comes for the one that was left is not for the next.
		next := read[string](t, c, "t", hubclient.SubscribeOptions{})
		p.expect(`{"type":"subscribe","topic":"t"}`)
		p.say(`{"type":"messages","topic":"t","epoch":"f","items":[{"offset":4,"data":"old"}]}`)
		p.say(`{"type":"unsubscribed","topic":"t"}`)
		p.say(`{"type":"subscribed","topic":"t","epoch":"f","offset":4}`)
		p.say(`{"type":"messages","topic":"t","epoch":"f","items":[{"offset":5,"data":"new"}]}`)
		next.expect(t, "5 new")
		go p.leave()
		c.Close()
		next.expect(t, hubclient.ErrClosed.Error())
		next.ended(t)
	})
}

func TestSubscriptionEnds(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(s.options())
		secret := read[int](t, c, "secret", hubclient.SubscribeOptions{})
		p.hear()
		p.say(`{"type":"error","topic":"secret","code":"forbidden","message":"no"}`)
		secret.expect(t, "hubclient: forbidden: no")
		secret.ended(t)

		revoked := read[int](t, c, "revoked", hubclient.SubscribeOptions{})
		p.hear()
		p.say(`{"type":"subscribed","topic":"revoked","epoch":"e","offset":0}`)
		p.say(`{"type":"messages","topic":"revoked","epoch":"e","items":[{"offset":1,"data":1}]}`)
		p.say(`{"type":"unsubscribed","topic":"revoked","code":"revoked"}`)
		revoked.expect(t, "1 1", "hubclient: revoked: ")
		revoked.ended(t)

		later := read[int](t, c, "later", hubclient.SubscribeOptions{})
		p.hear()
		asked := time.Now()
		p.say(`{"type":"error","topic":"later","code":"unavailable"}`)
		p.expect(`{"type":"subscribe","topic":"later"}`)
		assert.True(t, time.Since(asked) > 500*time.Millisecond, "it asks again after a pause")
		later.sub.Close()
		later.ended(t)

		ctx, cancel := context.WithCancelCause(t.Context())
		sub, err := hubclient.Subscribe[int](ctx, c, "bounded", hubclient.SubscribeOptions{})
		assert.NoError(t, err)
		cause := errors.New("enough")
		cancel(cause)
		for _, err := range sub.Messages() {
			assert.ErrorIs(t, err, cause)
		}
		go p.leave()
		c.Close()
		c.Close()
		assert.ErrorIs(t, c.Err(), hubclient.ErrClosed)
		_, err = hubclient.Subscribe[int](t.Context(), c, "after", hubclient.SubscribeOptions{})
		assert.ErrorIs(t, err, hubclient.ErrClosed)
		_, err = hubclient.Call[int](t.Context(), c, "after", nil)
		assert.ErrorIs(t, err, hubclient.ErrClosed)
	})
}

func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(s.options())
		r := read[string](t, c, "t", hubclient.SubscribeOptions{Recent: 2})
		p.hear()
		plain := read[string](t, c, "plain", hubclient.SubscribeOptions{})
		p.hear()
		p.say(`{"type":"subscribed","topic":"t","epoch":"e","offset":0}`)
		p.say(`{"type":"subscribed","topic":"plain","epoch":"","offset":0}`)
		p.say(`{"type":"messages","topic":"t","epoch":"e","items":[{"offset":1,"data":"a"}]}`)
		p.say(`{"type":"messages","topic":"plain","epoch":"","items":[{"offset":0,"data":"x"},{"offset":0,"data":"x"}]}`)
		r.expect(t, "1 a")
		plain.expect(t, "0 x", "0 x")

		p.end(0, "")
		p = <-s.peers
		p.expect(`{"type":"subscribe","topic":"plain"}`)
		p.expect(`{"type":"subscribe","topic":"t","epoch":"e","offset":1}`)
		p.say(`{"type":"subscribed","topic":"t","epoch":"e","offset":0,"recovered":true}`)
		p.say(`{"type":"subscribed","topic":"plain","epoch":"","offset":0}`)
		p.say(`{"type":"messages","topic":"t","epoch":"e","items":[{"offset":1,"data":"a"},{"offset":2,"data":"b"}]}`)
		r.expect(t, "2 b")
		plain.expect(t, "lost 0") // nobody knows what was said meanwhile

		p.end(1013, "too slow")
		p = <-s.peers
		p.hear()
		p.hear()
		p.say(`{"type":"subscribed","topic":"t","epoch":"e","offset":0,"recovered":false}`)
		p.say(`{"type":"messages","topic":"t","epoch":"e","items":[{"offset":1,"data":"anew"}]}`)
		r.expect(t, "lost 0", "1 anew")
		go p.leave()
		c.Close()
		r.expect(t, hubclient.ErrClosed.Error())
		plain.expect(t, hubclient.ErrClosed.Error())
		r.ended(t)
		plain.ended(t)
	})
}

func TestPauses(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		o := s.options()
		var mu sync.Mutex
		var waits []time.Duration
		var since time.Time
		o.OnState = func(state hubclient.State) {
			mu.Lock()
			defer mu.Unlock()
			switch state {
			case hubclient.Waiting:
				since = time.Now()
			case hubclient.Connecting:
				waits = append(waits, time.Since(since))
			}
		}
		c, p := s.dial(o)
		s.refuse.Store(http.StatusServiceUnavailable)
		p.end(0, "")
		time.Sleep(5 * time.Minute)
		s.refuse.Store(0)
		p = <-s.peers
		mu.Lock()
		taken := waits
		waits = nil
		mu.Unlock()
		limit, longest := 500*time.Millisecond, time.Duration(0)
		for _, w := range taken {
			assert.True(t, w > 0 && w <= limit, fmt.Sprintf("%v is in (0, %v]", w, limit))
			limit, longest = min(2*limit, 30*time.Second), max(longest, w)
		}
		assert.True(t, len(taken) >= 12 && longest > 5*time.Second, fmt.Sprintf("pauses grow: %v", taken))

		// A connection that lasts counts as a success.
		time.Sleep(5 * time.Second)
		p.end(0, "")
		p = <-s.peers
		assert.True(t, waits[0] <= 500*time.Millisecond, "the pauses begin anew")

		// The server's hint is taken as it is, and is no failure.
		p.say(`{"type":"reconnect","after":4321}`)
		said := time.Now()
		synctest.Wait()
		assert.Equal(t, c.State(), hubclient.Open)
		p.end(1012, "service restart")
		p = <-s.peers
		assert.Equal(t, time.Since(said), 4321*time.Millisecond)
		// One that stays is left then.
		p.say(`{"type":"reconnect","after":70}`)
		go p.leave()
		p = <-s.peers
		go p.leave()
		c.Close()
		assert.Equal(t, c.State(), hubclient.Closed)
	})
}

func TestRefused(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		s.refuse.Store(http.StatusUnauthorized)
		_, err := hubclient.Dial(t.Context(), "ws://hub.test/live", s.options())
		assert.ErrorIs(t, err, hubclient.ErrRefused)
		s.refuse.Store(http.StatusBadGateway)
		_, err = hubclient.Dial(t.Context(), "ws://hub.test/live", s.options())
		assert.True(t, err != nil && !errors.Is(err, hubclient.ErrRefused), "a proxy's trouble may pass")

		s.refuse.Store(0)
		c, p := s.dial(s.options())
		r := read[int](t, c, "t", hubclient.SubscribeOptions{})
		p.hear()
		p.end(1008, "access was withdrawn")
		<-c.Done()
		assert.ErrorIs(t, c.Err(), hubclient.ErrRefused)
		assert.Equal(t, c.State(), hubclient.Closed)
		r.expect(t, c.Err().Error())
		r.ended(t)
	})
}

func TestToken(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		o := s.options()
		o.Header = http.Header{"Cookie": {"a=b"}}
		n := 0
		o.Token = func(context.Context) (string, error) {
			if n++; n == 2 {
				return "", errors.New("the issuer is down")
			}
			return fmt.Sprint("token ", n), nil
		}
		greet := func(answer string) *peer {
			p := <-s.peers
			assert.Equal(t, p.cookie, "a=b")
			p.expect(fmt.Sprintf(`{"type":"auth","token":"token %d"}`, n))
			p.say("%s", answer)
			return p
		}
		first := make(chan *peer)
		go func() { first <- greet(`{"type":"welcome"}`) }()
		c, err := hubclient.Dial(t.Context(), "ws://hub.test/live", o)
		assert.NoError(t, err)
		p := <-first
		r := read[int](t, c, "t", hubclient.SubscribeOptions{})
		p.expect(`{"type":"subscribe","topic":"t"}`)
		p.end(0, "")
		p = greet(`{"type":"error","code":"unavailable","message":"ask again"}`)
		go p.leave()
		p = greet(`{"type":"error","code":"unauthenticated","message":"who are you"}`)
		go p.leave()
		<-c.Done()
		assert.Equal(t, n, 4)
		assert.ErrorIs(t, c.Err(), hubclient.ErrRefused)
		r.expect(t, c.Err().Error())
		r.ended(t)

		// A server that never answers is not waited for.
		silent := make(chan *peer)
		go func() {
			p := <-s.peers
			go p.leave()
			silent <- p
		}()
		_, err = hubclient.Dial(t.Context(), "ws://hub.test/live", o)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		<-silent
	})
}

func TestNonsenseIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(s.options())
		p.say(`<html>`)
		go p.leave()
		p = <-s.peers
		p.say(`{"type":"pong"}`)
		p.say(`{"type":"error","code":"bad_message","message":"what?"}`)
		p.say(`{"type":"tomorrow's","topic":"t"}`)
		synctest.Wait()
		assert.Equal(t, c.State(), hubclient.Open)
		go p.leave()
		c.Close()
	})
}

func TestPresence(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(s.options())
		told := make(chan hubclient.Presence)
		sub, err := hubclient.Subscribe[int](t.Context(), c, "t", hubclient.SubscribeOptions{
			Presence: func(p hubclient.Presence) { told <- p },
		})
		assert.NoError(t, err)
		defer sub.Close()
		expect := func(users, connections int, partial bool, conns ...string) hubclient.Presence {
			t.Helper()
			got := <-told
			assert.Equal(t, []any{got.Users, got.Connections, got.Partial}, []any{users, connections, partial})
			var have []string
			for _, m := range got.Members {
				have = append(have, m.Conn)
			}
			assert.Equal(t, have, conns)
			return got
		}
		p.expect(`{"type":"subscribe","topic":"t","presence":true}`)
		p.say(`{"type":"presence","topic":"t","members":[{"user":"u","conn":"a","since":1700000000000,"info":{"name":"Uma"}}],"users":1,"connections":1}`)
		first := expect(1, 1, false, "a")
		assert.Equal(t, string(first.Members[0].Info), `{"name":"Uma"}`)
		assert.Equal(t, first.Members[0].Since.UnixMilli(), int64(1700000000000))
		p.say(`{"type":"joined","topic":"t","member":{"user":"u","conn":"b","since":1},"users":1,"connections":2}`)
		expect(1, 2, false, "a", "b")
		p.say(`{"type":"joined","topic":"t","member":{"user":"u","conn":"b","since":1},"users":1,"connections":2}`)
		expect(1, 2, false, "a", "b")
		p.say(`{"type":"left","topic":"t","member":{"user":"u","conn":"a"},"users":1,"connections":1}`)
		expect(1, 1, false, "b")
		assert.Equal(t, first.Members[0].Conn, "a") // what was given away stays
		p.say(`{"type":"presence","topic":"t","users":90,"connections":101,"partial":true}`)
		expect(90, 101, true, "b")
		p.say(`{"type":"presence","topic":"t","users":0,"connections":0}`)
		expect(0, 0, false)
		go p.leave()
		c.Close()
	})
}
