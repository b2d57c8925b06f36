package hub

import (
	"context"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/internal/mailbox"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// boxLink is a mailbox as a link.
type boxLink struct{ *mailbox.Box }

func (l boxLink) send(m *message) bool     { return l.Send(&m.Message) }
func (l boxLink) close(int, string)        { l.Close() }
func (l boxLink) context() context.Context { return l.Context() }
func (l boxLink) addr() string             { return l.Peer() }

// boxClient is a client as its mailbox sees it.
type boxClient struct{ *client }

func (c boxClient) Subscribe(s mailbox.Sub) {
	c.subscribe(hubwire.Request{
		Type: "subscribe", Topic: s.Topic, Epoch: s.At.Epoch, Offset: s.At.Offset, Recent: s.Recent, Presence: s.Presence,
	})
}

func (c boxClient) Has(topic string) bool { return c.lookup(topic) != nil }

func (c boxClient) Leave(topic string) {
	if s := c.take(nil, topic); s != nil {
		s.leave()
	}
}

func (c boxClient) Writable() { c.writable() }
func (c boxClient) Restart()  { c.restart() }

// newPolls returns the sessions of clients that poll.
func (h *Hub) newPolls() *mailbox.Polls {
	return &mailbox.Polls{
		Open: func(b *mailbox.Box) (mailbox.Client, error) {
			c, err := h.admit(boxLink{b}, transportPoll, true)
			return boxClient{c}, err
		},
		End:  func(c mailbox.Client) { c.(boxClient).end() },
		Done: h.ctx.Done(),
	}
}

func (h *Hub) serveStream(ctx context.Context, w http.ResponseWriter, r *http.Request, sub string) error {
	if sub == "" || len(sub) > maxSubURL {
		return errSubs(nil)
	}
	subs, err := mailbox.ParseSubs([]byte(sub), maxSubscriptions)
	if err != nil {
		return errSubs(err)
	}
	mailbox.Resume(subs, r.Header.Get("Last-Event-ID"))
	obs.LongLived(ctx)
	box := mailbox.NewBox(ctx, r.RemoteAddr)
	defer box.Cancel()
	c, err := h.admit(boxLink{box}, transportSSE, true)
	if err != nil {
		return errTryLater
	}
	defer c.end()
	mailbox.Stream(ctx, w, box, boxClient{c}, subs, mailbox.StreamOptions{
		Heartbeat: h.o.Heartbeat, Spread: h.o.DrainOver, Done: h.ctx.Done(),
	})
	return nil
}

func (h *Hub) servePoll(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var q struct {
		Session string         `json:"session"`
		Sub     jsontext.Value `json:"sub"`
	}
	if err := json.Unmarshal(body, &q, json.RejectUnknownMembers(true)); err != nil {
		return errSubs(err)
	}
	subs, err := mailbox.ParseSubs(q.Sub, maxSubscriptions)
	if err != nil {
		return errSubs(err)
	}
	obs.LongLived(ctx)
	box := mailbox.NewBox(context.WithoutCancel(ctx), r.RemoteAddr)
	// Not even who has its id gets a session that is another user's.
	who := h.visitor(ctx)
	mine := func(c mailbox.Client) bool { return c.(boxClient).visitor().is(who) }
	answer, err := h.polls.Serve(ctx, q.Session, mine, box, subs)
	if err != nil {
		return errTryLater
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // what does not arrive is asked for again
	return nil
}

func errSubs(cause error) error {
	return &web.Error{Status: http.StatusBadRequest, Message: "The subscriptions are not as docs/hub-protocol.md says.", Err: cause}
}
