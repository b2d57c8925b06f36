package conform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

// brokerPatience bounds the wait for what another node must deliver.
const brokerPatience = 20 * time.Second

// Broker runs the suite that every [hub.Broker] must pass. open returns the
// broker of one more node of those that share namespace, in which there is
// nothing yet when the first one comes, and registers its closing with
// t.Cleanup. Delivery may take a network; history must be there when Publish
// has returned. A broker that is a [hub.Checker] or a [hub.PresenceStore] is
// tested as such too.
func Broker(t *testing.T, open func(t *testing.T, namespace string) hub.Broker) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, func() hub.Broker){
		"Delivers":             brokerDelivers,
		"DeliversUnkept":       brokerDeliversUnkept,
		"DeliversBatches":      brokerDeliversBatches,
		"KeepsTopicsApart":     brokerKeepsTopicsApart,
		"Unsubscribes":         brokerUnsubscribes,
		"SubscribesAgain":      brokerSubscribesAgain,
		"OrdersPublishers":     brokerOrdersPublishers,
		"KeepsHistory":         brokerKeepsHistory,
		"RecoversFromNothing":  brokerRecoversFromNothing,
		"CountsUnseen":         brokerCountsUnseen,
		"NewestHistory":        brokerNewestHistory,
		"ForgetsByAge":         brokerForgetsByAge,
		"EncodesOnce":          brokerEncodesOnce,
		"EncodeFails":          brokerEncodeFails,
		"HistoryMeetsDelivery": brokerHistoryMeetsDelivery,
		"ObeysContext":         brokerObeysContext,
		"Checks":               brokerChecks,
		"Presence":             brokerPresence,
		"PresenceExpires":      brokerPresenceExpires,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := "conform-" + strings.ToLower(rand.Text()[:12])
			test(t, func() hub.Broker { return open(t, namespace) })
		})
	}
}

func brokerDelivers(t *testing.T, open func() hub.Broker) {
	s := keeping("a/b", 10)
	here, there := open(), open()
	first, _ := brokerSubscribe(t, here, s)
	second, _ := brokerSubscribe(t, here, s)
	third, _ := brokerSubscribe(t, there, s)
	brokerPublish(t, here, s, "1")
	pos := brokerPublish(t, there, s, "2", "3")
	for _, in := range []*brokerInbox{first, second, third} {
		entries := in.wait(t, 3)
		assert.Equal(t, brokerText(t, entries), "1 2 3")
		assert.Equal(t, in.position(), pos)
	}
}

// brokerDeliversUnkept: what is not kept is delivered all the same, with or
// without positions.
func brokerDeliversUnkept(t *testing.T, open func() hub.Broker) {
	s := hub.Stream{Name: "n"}
	here, there := open(), open()
	in, _ := brokerSubscribe(t, there, s)
	brokerPublish(t, here, s, "1")
	brokerPublish(t, here, s, "2", "3")
	assert.Equal(t, brokerText(t, in.wait(t, 3)), "1 2 3")
	h, err := here.History(t.Context(), s, nil, 10)
	assert.NoError(t, err)
	assert.Equal(t, len(h.Entries), 0)
}

func brokerDeliversBatches(t *testing.T, open func() hub.Broker) {
	s := keeping("n", 1000)
	here, there := open(), open()
	in, _ := brokerSubscribe(t, there, s)
	big := strings.Repeat("x", 64<<10)
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint(i))
	}
	want[7] = `"` + big + `"`
	top := brokerPublish(t, here, s, want...)
	assert.Equal(t, brokerText(t, in.wait(t, len(want))), strings.Join(want, " "))
	h, err := there.History(t.Context(), s, nil, 1000)
	assert.NoError(t, err)
	assert.Equal(t, brokerText(t, h.Entries), strings.Join(want, " "))
	assert.Equal(t, h.Top, top)
}

// brokerNames are at the border of what brokers use as separators, wildcards
// and ends of keys.
func brokerNames() []string {
	return []string{
		"a", "a/b", "a.b", "a:b", "a/b/c", "a-b", "A", "@a", "~a", "a_b", "a.", ".a", "..", "a/.", "a~b", "a~2eb", "a-2eb",
		strings.Repeat("n", hub.MaxName), strings.Repeat("a.", hub.MaxName/2), strings.Repeat("a/", hub.MaxName/2-1) + "a",
	}
}

func brokerKeepsTopicsApart(t *testing.T, open func() hub.Broker) {
	for _, keep := range []int{0, 10} {
		b, names := open(), brokerNames()
		inboxes := make([]*brokerInbox, len(names))
		for i, name := range names {
			inboxes[i], _ = brokerSubscribe(t, b, keeping(name, keep))
		}
		for i, name := range names {
			brokerPublish(t, b, keeping(name, keep), fmt.Sprint(i))
		}
		for i, name := range names {
			assert.Equal(t, brokerText(t, inboxes[i].wait(t, 1)), fmt.Sprint(i))
			if keep == 0 {
				continue
			}
			h, err := b.History(t.Context(), keeping(name, keep), nil, 10)
			assert.NoError(t, err)
			assert.Equal(t, brokerText(t, h.Entries), fmt.Sprint(i))
		}
	}
}

func brokerUnsubscribes(t *testing.T, open func() hub.Broker) {
	b, s := open(), keeping("n", 10)
	gone, unsubscribe := brokerSubscribe(t, b, s)
	stays, _ := brokerSubscribe(t, b, s)
	brokerPublish(t, b, s, "1")
	gone.wait(t, 1)
	unsubscribe()
	unsubscribe() // a second time is a no-op
	brokerPublish(t, b, s, "2")
	stays.wait(t, 2)
	assert.Equal(t, brokerText(t, gone.wait(t, 1)), "1")
}

// brokerSubscribesAgain: the last one leaves while the next one comes.
func brokerSubscribesAgain(t *testing.T, open func() hub.Broker) {
	b, s := open(), keeping("n", 10)
	_, leave := brokerSubscribe(t, b, s)
	for i := range 50 {
		var wg sync.WaitGroup
		wg.Go(leave)
		in, unsubscribe := brokerSubscribe(t, b, s)
		wg.Wait()
		brokerPublish(t, b, s, fmt.Sprint(i))
		assert.Equal(t, brokerText(t, in.wait(t, 1)), fmt.Sprint(i))
		leave = unsubscribe
	}
}

// brokerOrdersPublishers: publishers on two nodes make one order, which is the
// same for all and for each publisher his own, without a gap.
func brokerOrdersPublishers(t *testing.T, open func() hub.Broker) {
	const publishers, each = 4, 50
	s := keeping("n", 10)
	nodes := []hub.Broker{open(), open()}
	first, _ := brokerSubscribe(t, nodes[0], s)
	second, _ := brokerSubscribe(t, nodes[1], s)
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			last := uint64(0)
			for i := range each {
				pos, err := nodes[p%2].Publish(t.Context(), s, brokerPublication(fmt.Sprintf("%d%02d", p+1, i)))
				if err != nil || pos.Offset <= last {
					t.Errorf("publish after %d: %v %v", last, pos, err)
				}
				last = pos.Offset
			}
		})
	}
	wg.Wait()
	entries := first.wait(t, publishers*each)
	assert.Equal(t, brokerText(t, second.wait(t, publishers*each)), brokerText(t, entries))
	next := make([]int, publishers)
	for _, e := range entries {
		p := int(e.Data[0] - '1')
		assert.Equal(t, string(e.Data), fmt.Sprintf("%d%02d", p+1, next[p]))
		next[p]++
	}
}

func brokerEncodesOnce(t *testing.T, open func() hub.Broker) {
	b := open()
	brokerSubscribe(t, b, keeping("n", 10))
	brokerSubscribe(t, b, keeping("n", 10))
	calls := 0
	p := brokerPublication("1")
	encode := p.Encode
	p.Encode = func() ([]hub.Entry, error) { calls++; return encode() }
	_, err := b.Publish(t.Context(), keeping("n", 10), p)
	assert.NoError(t, err)
	assert.Equal(t, calls, 1)
}

func brokerEncodeFails(t *testing.T, open func() hub.Broker) {
	b, failure := open(), errors.New("cannot be encoded")
	in, _ := brokerSubscribe(t, b, keeping("n", 10))
	brokerPublish(t, b, keeping("n", 10), "1")
	p := brokerPublication("2")
	p.Encode = func() ([]hub.Entry, error) { return nil, failure }
	_, err := b.Publish(t.Context(), keeping("n", 10), p)
	assert.ErrorIs(t, err, failure)
	brokerPublish(t, b, keeping("n", 10), "3")
	assert.Equal(t, brokerText(t, in.wait(t, 2)), "1 3") // the inbox sees that there is no gap
}

func brokerObeysContext(t *testing.T, open func() hub.Broker) {
	b, s := open(), keeping("n", 10)
	if _, ok := b.(hub.Checker); !ok {
		t.Skip("the broker has nothing to wait for")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Publish(ctx, s, brokerPublication("1"))
	assert.ErrorIs(t, err, context.Canceled)
	_, err = b.History(ctx, s, nil, 10)
	assert.ErrorIs(t, err, context.Canceled)
	unsubscribe, err := b.Subscribe(ctx, s, func(hub.Batch) {})
	assert.ErrorIs(t, err, context.Canceled)
	if err == nil {
		unsubscribe()
	}
	assert.True(t, !errors.Is(err, hub.ErrBrokerLost), "a caller who left is no reason to believe that the servers are lost")
}

func brokerChecks(t *testing.T, open func() hub.Broker) {
	c, ok := open().(hub.Checker)
	if !ok {
		t.Skip("the broker has nothing to lose")
	}
	assert.NoError(t, c.Check(t.Context()))
}
