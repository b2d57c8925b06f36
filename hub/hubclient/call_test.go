package hubclient_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/hub/hubclient"
	"github.com/galeweb/gale/internal/assert"
)

type sum struct {
	Total int `json:"total"`
}

// async makes a call and returns its outcome.
func async(ctx context.Context, c *hubclient.Client, method string, in any) chan error {
	done := make(chan error, 1)
	go func() {
		got, err := hubclient.Call[sum](ctx, c, method, in)
		if err == nil && got.Total != 3 {
			err = fmt.Errorf("got %v", got)
		}
		done <- err
	}()
	return done
}

func TestCall(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(s.options())
		good := async(t.Context(), c, "add", []int{1, 2})
		p.expect(`{"type":"call","id":1,"method":"add","data":[1,2],"timeout":10000}`)
		bad := async(t.Context(), c, "add", nil)
		p.expect(`{"type":"call","id":2,"method":"add","data":null,"timeout":10000}`)
		p.say(`{"type":"error","id":2,"code":"invalid","message":"mend it","data":{"":"too few"}}`)
		p.say(`{"type":"result","id":1,"data":{"total":3}}`)
		p.say(`{"type":"result","id":1,"data":{"total":4}}`)
		assert.NoError(t, <-good)
		answer, ok := errors.AsType[*hubclient.Error](<-bad)
		assert.True(t, ok, "the server's answer is an Error")
		assert.Equal(t, []string{answer.Code, answer.Message, string(answer.Data)}, []string{"invalid", "mend it", `{"":"too few"}`})

		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		slow := async(ctx, c, "slow", nil)
		p.expect(`{"type":"call","id":3,"method":"slow","data":null,"timeout":2000}`)
		assert.ErrorIs(t, <-slow, context.DeadlineExceeded)
		p.say(`{"type":"result","id":3}`) // for nobody any more

		wrong := async(t.Context(), c, "wrong", nil)
		p.hear()
		p.say(`{"type":"result","id":4,"data":"no sum"}`)
		assert.True(t, <-wrong != nil, "an answer of another type is an error")
		_, err := hubclient.Call[sum](t.Context(), c, "add", make(chan int))
		assert.True(t, err != nil, "what is no JSON is an error")
		go p.leave()
		c.Close()
	})
}

func TestCallAndConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(s.options())
		sent := async(t.Context(), c, "sent", nil)
		p.hear()
		p.end(0, "")
		assert.ErrorIs(t, <-sent, hubclient.ErrDisconnected)

		// One made meanwhile waits, unless its time is over before.
		ctx, cancel := context.WithCancel(t.Context())
		left := async(ctx, c, "left", nil)
		synctest.Wait()
		cancel()
		assert.ErrorIs(t, <-left, context.Canceled)
		waits := async(t.Context(), c, "waits", nil)
		synctest.Wait()
		p = <-s.peers
		assert.Equal(t, p.hear()["method"], any("waits"))
		p.say(`{"type":"result","id":3,"data":{"total":3}}`)
		assert.NoError(t, <-waits)

		last := async(t.Context(), c, "last", nil)
		p.hear()
		go p.leave()
		c.Close()
		assert.ErrorIs(t, <-last, hubclient.ErrDisconnected)
	})
}

// More calls at once than the connection's queue holds.
func TestManyCalls(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(s.options())
		var calls []chan error
		for range 1000 {
			calls = append(calls, async(t.Context(), c, "many", nil))
		}
		synctest.Wait()
		for range calls {
			p.say(`{"type":"result","id":%v,"data":{"total":3}}`, p.hear()["id"])
		}
		for _, done := range calls {
			assert.NoError(t, <-done)
		}
		go p.leave()
		c.Close()
	})
}

// A subscriber who does not read stops the client from reading; nothing is
// lost, and whoever makes calls while he reads is answered.
func TestBackpressure(t *testing.T) {
	bubble(t, func(t *testing.T, s *server) {
		o := s.options()
		o.Queue = 10
		c, p := s.dial(o)
		sub, err := hubclient.Subscribe[int](t.Context(), c, "t", hubclient.SubscribeOptions{})
		assert.NoError(t, err)
		p.hear()
		p.say(`{"type":"subscribed","topic":"t","epoch":"e","offset":0}`)
		const count = 600
		written := make(chan int, count)
		go func() {
			pad := fmt.Sprintf("%8192s", "")
			for i := 1; i <= count; i++ {
				p.say(`{"type":"messages","topic":"t","epoch":"e","items":[{"offset":%d,"data":%d}]%s}`, i, i, pad)
				written <- i
			}
		}()
		synctest.Wait()
		stuck := len(written)
		assert.True(t, stuck < 200, fmt.Sprintf("the server waits after %d messages", stuck))

		n := 0
		for e, err := range sub.Messages() {
			assert.NoError(t, err)
			n++
			assert.Equal(t, []int{int(e.Position.Offset), e.Value}, []int{n, n})
			if n == 5 {
				// Its answer stands behind messages that fill the queue.
				call := async(t.Context(), c, "ack", n)
				for range 20 {
					<-written
				}
				p.say(`{"type":"result","id":%v,"data":{"total":3}}`, p.hear()["id"])
				assert.NoError(t, <-call)
			}
			if n == count {
				break
			}
		}
		go p.leave()
		c.Close()
	})
}
