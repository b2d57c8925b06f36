package hub

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

func publication(data ...string) Publication {
	return Publication{
		Count: len(data),
		Encode: func() ([]Entry, error) {
			entries := make([]Entry, len(data))
			for i, d := range data {
				entries[i].Data = []byte(d)
			}
			return entries, nil
		},
	}
}

// TestMemoryBrokerBound is the attack of many names: the least recently used
// go, and those with listeners stay.
func TestMemoryBrokerBound(t *testing.T) {
	t.Parallel()
	b := NewMemoryBroker()
	b.maxIdle = 10
	unsubscribe, err := b.Subscribe(t.Context(), Stream{Name: "watched"}, func(Batch) {})
	assert.NoError(t, err)
	defer unsubscribe()
	keep := Retention{Messages: 1}
	for i := range 100 {
		_, err := b.Publish(t.Context(), Stream{fmt.Sprint(i), keep}, publication("1"))
		assert.NoError(t, err)
		_, err = b.Publish(t.Context(), Stream{"0", keep}, publication("1")) // used often
		assert.NoError(t, err)
		_, err = b.History(t.Context(), Stream{fmt.Sprint("asked", i), keep}, nil, 1)
		assert.NoError(t, err)
	}
	assert.Equal(t, b.idle.Len(), 10)
	assert.Equal(t, len(b.topics), 11)
	assert.True(t, b.topics["watched"] != nil && b.topics["0"] != nil, "those in use stay")
}

func TestMemoryBrokerForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewMemoryBroker()
		for name, keep := range map[string]Retention{
			"aged": {Messages: 1, Age: 10 * time.Minute}, "kept": {Messages: 1},
		} {
			_, err := b.Publish(t.Context(), Stream{name, keep}, publication("1"))
			assert.NoError(t, err)
		}
		unsubscribe, err := b.Subscribe(t.Context(), Stream{Name: "left"}, func(Batch) {})
		assert.NoError(t, err)
		unsubscribe()
		unsubscribe() // a second time is a no-op
		known := func() string {
			_, err := b.History(context.Background(), Stream{Name: "other"}, nil, 0) // someone new pays
			assert.NoError(t, err)
			delete(b.topics, "other")
			b.idle.Remove(b.idle.Front())
			return fmt.Sprint(b.topics["left"] != nil, b.topics["aged"] != nil, b.topics["kept"] != nil)
		}
		time.Sleep(4 * time.Minute)
		assert.Equal(t, known(), "true true true")
		time.Sleep(time.Minute)
		assert.Equal(t, known(), "false true true")
		time.Sleep(5 * time.Minute)
		assert.Equal(t, known(), "false false true")
	})
}

// BenchmarkPublishUnheard is the ingest of a relay that nobody watches.
func BenchmarkPublishUnheard(b *testing.B) {
	topic := NewTopic(New(Options{}), "packets/{channel}", TopicOptions[Position]{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := topic.Publish(b.Context(), "packets/7", Position{"epoch", 1}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPublishKept is the same with history.
func BenchmarkPublishKept(b *testing.B) {
	topic := NewTopic(New(Options{}), "packets/{channel}", TopicOptions[Position]{History: 100})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := topic.Publish(b.Context(), "packets/7", Position{"epoch", 1}); err != nil {
			b.Fatal(err)
		}
	}
}
