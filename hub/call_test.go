package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/web"
)

type greeting struct {
	Name string `json:"name" validate:"required"`
}

func TestCalls(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	h := New(Options{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	Handle(h, "greet", func(_ context.Context, in greeting) (string, error) { return "hello " + in.Name, nil })
	Handle(h, "nothing", func(context.Context, web.NoContent) (web.NoContent, error) { return web.NoContent{}, nil })
	fail := map[string]error{
		"forbidden": fmt.Errorf("no: %w", ErrForbidden),
		"missing":   &web.Error{Status: 404, Err: errors.New("secret")},
		"denied":    &web.Error{Status: 403},
		"own":       &web.Error{Status: 409, Code: "label_taken", Message: "That label is taken."},
		"later":     web.Invalid("/name", "is taken"),
		"broken":    errors.New("secret"),
	}
	Handle(h, "fail", func(_ context.Context, in greeting) (int, error) { return 0, fail[in.Name] })
	Handle(h, "panic", func(context.Context, struct{}) (int, error) { panic("secret") })
	c := newFakeClient(t, h, t.Context())
	for say, want := range map[string]string{
		"'method':'greet','data':{'name':'ann'}": "{'type':'result','id':7,'data':'hello ann'}",
		"'method':'nothing'":                     "{'type':'result','id':7}",
		"'method':'greet','data':{'name':''}": "{'type':'error','id':7,'code':'invalid','message':'Some of the values are not valid.'," +
			"'data':{'errors':[{'pointer':'/name','code':'required','detail':'is required'}]}}",
		"'method':'greet'": "{'type':'error','id':7,'code':'invalid','message':'The request could not be read.'," +
			"'data':{'errors':[{'code':'required','detail':'a JSON body is required'}]}}",
		"'method':'nowhere'":                              "{'type':'error','id':7,'code':'unknown_method','message':'there is no such method'}",
		"'method':'fail','data':{'name':'forbidden'}":     "{'type':'error','id':7,'code':'forbidden','message':'you may not call this'}",
		"'method':'fail','data':{'name':'missing'}":       "{'type':'error','id':7,'code':'not_found','message':'Not Found'}",
		"'method':'fail','data':{'name':'denied'}":        "{'type':'error','id':7,'code':'forbidden','message':'Forbidden'}",
		"'method':'fail','data':{'name':'own'}":           "{'type':'error','id':7,'code':'label_taken','message':'That label is taken.'}",
		"'method':'fail','data':{'name':'later'}":         "{'type':'error','id':7,'code':'invalid','message':'Some of the values are not valid.','data':{'errors':[{'pointer':'/name','code':'invalid','detail':'is taken'}]}}",
		"'method':'fail','data':{'name':'broken'}":        "{'type':'error','id':7,'code':'failed','message':'Something went wrong on our side.'}",
		"'method':'panic'":                                "{'type':'error','id':7,'code':'failed','message':'Something went wrong on our side.'}",
		"'method':'greet','data':{'name':'" + long + "'}": "{'type':'result','id':7,'data':'hello " + long + "'}",
	} {
		c.say("{'type':'call','id':7,%s}", say)
		c.heard(t, want)
	}
	for _, wrong := range []string{"", "'id':0,", "'id':-1,", "'id':1.5,", "'id':9007199254740992,", "'id':1,'timeout':-1,"} {
		c.say("{'type':'call',%s'method':'greet'}", wrong)
		assert.Contains(t, strings.Join(c.link.take(), ""), `"code":"bad_message"`)
	}
	assert.Equal(t, strings.Count(logs.String(), "hub: call failed"), 2)
	for _, wire := range []func(){
		func() { Handle(h, "greet", func(context.Context, greeting) (int, error) { return 0, nil }) },
		func() { Handle(h, "", func(context.Context, greeting) (int, error) { return 0, nil }) },
	} {
		assert.Contains(t, fmt.Sprint(assert.Panics(t, wire)), "has a handler already")
	}
	drain(t, h, c)
}

// long is more than a request other than a call may have.
var long = strings.Repeat("x", 2*hubwire.MaxRequest)

func TestCallTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{CallTimeout: time.Minute})
		Handle(h, "wait", func(ctx context.Context, _ web.NoContent) (int, error) {
			<-ctx.Done()
			return 0, fmt.Errorf("waited: %w", ctx.Err())
		})
		c := newFakeClient(t, h, t.Context())
		for ask, want := range map[string]time.Duration{"": time.Minute, "'timeout':1500,": 1500 * time.Millisecond, "'timeout':99000000,": time.Minute} {
			began := time.Now()
			c.say("{'type':'call','id':1,%s'method':'wait'}", ask)
			assert.Equal(t, time.Since(began), want)
			c.heard(t, "{'type':'error','id':1,'code':'timeout','message':'The answer took too long. Please try again.'}")
		}
		drain(t, h, c)
	})
}

type userKey struct{}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{
			Authenticate: func(ctx context.Context, token string) (context.Context, error) {
				switch token {
				case "":
					return nil, ErrForbidden
				case "down":
					return nil, errors.New("database secret")
				}
				return context.WithValue(ctx, userKey{}, token), nil
			},
			Identify: func(ctx context.Context) Identity { return Identity{User: ctx.Value(userKey{}).(string)} },
		})
		NewTopic(h, "users/{name}", TopicOptions[int]{Authorize: func(ctx context.Context, _ string, params map[string]string) error {
			if ctx.Value(userKey{}) != params["name"] {
				return ErrForbidden
			}
			return nil
		}})
		ann := newFakeClient(t, h, t.Context())
		ann.say("{'type':'auth','token':'ann'}")
		ann.say("{'type':'subscribe','topic':'users/bob'}")
		ann.say("{'type':'subscribe','topic':'users/ann'}")
		ann.say("{'type':'auth','token':'bob'}")
		ann.heard(t, "{'type':'welcome'}",
			"{'type':'error','topic':'users/bob','code':'forbidden','message':'you may not subscribe to this topic'}",
			"{'type':'subscribed','topic':'users/ann','epoch':'~','offset':0}",
			"{'type':'error','code':'bad_message','message':'unknown type'}")
		assert.Equal(t, ann.visitor().user, "ann")

		clients := []*fakeClient{ann}
		for _, x := range []struct {
			first, code string
			close       int
		}{
			{"{'type':'subscribe','topic':'users/ann'}", "unauthenticated", 1008},
			{"{'type':'auth'}", "unauthenticated", 1008},
			{"no JSON", "unauthenticated", 1008},
			{"{'type':'auth','token':'down'}", "unavailable", 1013},
		} {
			c := newFakeClient(t, h, t.Context())
			c.say("%s", x.first)
			c.heard(t, "{'type':'error','code':'"+x.code+"','message':'authentication failed'}")
			assert.Equal(t, c.link.closed(), x.close)
			clients = append(clients, c)
		}
		silent := newFakeClient(t, h, t.Context())
		time.Sleep(9 * time.Second)
		assert.Equal(t, silent.link.closed(), 0)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, silent.link.closed(), 1008)
		assert.Equal(t, ann.link.closed(), 0)
		drain(t, h, append(clients, silent)...)
	})
}

// TestIdentityUntil: a connection does not outlive the credential that it came
// with, however it said so.
func TestIdentityUntil(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]bool{"by the request": false, "by the first message": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := Options{Identify: func(context.Context) Identity { return Identity{User: "ann", Until: time.Now().Add(time.Minute)} }}
				if first {
					o.Authenticate = func(ctx context.Context, _ string) (context.Context, error) { return ctx, nil }
				}
				h := New(o)
				stays, leaves := newFakeClient(t, h, t.Context()), newFakeClient(t, h, t.Context())
				for _, c := range []*fakeClient{stays, leaves} {
					if first {
						c.say("{'type':'auth','token':'ann'}")
					}
				}
				leaves.end()
				time.Sleep(time.Minute - 1)
				assert.Equal(t, stays.link.closed(), 0)
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				assert.Equal(t, [2]int{stays.link.closed(), leaves.link.closed()}, [2]int{1008, 0})
				drain(t, h, stays)
			})
		})
	}
}

// TestAttackIdleStream: nobody keeps a session by watching, and who uses it goes on
// watching.
func TestAttackIdleStream(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]bool{"by the request": false, "by the first message": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var mu sync.Mutex
				ends := map[string]time.Time{
					"idle": began.Add(time.Minute), // not used since
					"busy": began.Add(2 * time.Minute),
					"slow": began.Add(time.Minute + time.Second),
				}
				asked := 0
				o := Options{
					Identify: func(ctx context.Context) Identity {
						id := identify(ctx)
						id.Until = began.Add(time.Minute)
						return id
					},
					Extend: func(ctx context.Context) (time.Time, error) {
						mu.Lock()
						defer mu.Unlock()
						asked++
						user := ctx.Value(userKey{}).(string)
						switch {
						case user == "err":
							return time.Time{}, errors.New("the database is down")
						case user == "slow" && time.Now().Before(ends[user]): // its clock is behind
							return time.Now().Add(1), nil
						}
						return ends[user], nil
					},
					Logger: slog.New(slog.DiscardHandler), DrainOver: -1,
				}
				if first {
					o.Authenticate = func(ctx context.Context, _ string) (context.Context, error) { return ctx, nil }
				}
				h := New(o)
				clients := map[string]*fakeClient{}
				for _, user := range []string{"idle", "busy", "slow", "err", "left"} {
					clients[user] = newFakeClient(t, h, as(t, user))
					if first {
						clients[user].say("{'type':'auth','token':'x'}")
					}
				}
				clients["left"].end()
				closed := func() map[string]int {
					codes := map[string]int{}
					for user, c := range clients {
						codes[user] = c.link.closed()
					}
					return codes
				}
				time.Sleep(time.Minute - 1)
				assert.Equal(t, closed(), map[string]int{"idle": 0, "busy": 0, "slow": 0, "err": 0, "left": 0})
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				assert.Equal(t, closed(), map[string]int{"idle": 1008, "busy": 0, "slow": 0, "err": 1012, "left": 0})
				time.Sleep(time.Second)
				synctest.Wait()
				assert.Equal(t, closed(), map[string]int{"idle": 1008, "busy": 0, "slow": 1008, "err": 1012, "left": 0})
				mu.Lock()
				assert.Equal(t, asked, 5)
				ends["busy"] = time.Time{} // signed out, of which nobody told
				mu.Unlock()
				time.Sleep(time.Minute - time.Second - 1)
				assert.Equal(t, clients["busy"].link.closed(), 0)
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				assert.Equal(t, clients["busy"].link.closed(), 1008)
				drain(t, h, clients["idle"], clients["busy"], clients["slow"], clients["err"])
			})
		})
	}
}
