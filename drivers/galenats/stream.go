package galenats

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/galeweb/gale/hub"
)

// stream is one of JetStream's: that of a retention, or that of presence.
type stream struct {
	config jetstream.StreamConfig // to make it with

	mu     sync.Mutex // held over I/O
	handle jetstream.Stream
	epoch  string
}

// streamOf returns the stream of a retention.
func (b *Broker) streamOf(k hub.Retention) *stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.streams[k]
	if s == nil {
		s = &stream{config: b.keepConfig(k)}
		b.streams[k] = s
	}
	return s
}

func (b *Broker) keepConfig(k hub.Retention) jetstream.StreamConfig {
	source := b.o.Prefix + ".h." + class(k) + ".>"
	return jetstream.StreamConfig{
		Name:        "GALE_" + b.o.Prefix + "_" + class(k),
		Description: "history of gale's topics",
		Subjects:    []string{source},
		// One more than is asked for: that the last message somebody has is
		// still there proves that none after it is gone.
		MaxMsgsPerSubject: int64(k.Messages) + 1,
		MaxAge:            age(k),
		Discard:           jetstream.DiscardOld,
		Storage:           b.storage(),
		Replicas:          b.o.Replicas,
		// open puts the epoch into the subject, so that each message says its own.
		RePublish: &jetstream.RePublish{Source: source, Destination: b.liveSubject(k, "%s", ">")},
	}
}

func (b *Broker) storage() jetstream.StorageType {
	if b.o.Memory {
		return jetstream.MemoryStorage
	}
	return jetstream.FileStorage
}

// open finds the stream, or makes it. Who comes second takes the first one's.
func (s *stream) open(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle != nil {
		return s.handle, s.epoch, nil
	}
	handle, err := js.Stream(ctx, s.config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		config := s.config
		if r := config.RePublish; r != nil {
			config.RePublish = &jetstream.RePublish{Source: r.Source, Destination: fmt.Sprintf(r.Destination, rand.Text()[:12])}
		}
		handle, err = js.CreateStream(ctx, config)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			handle, err = js.Stream(ctx, s.config.Name)
		}
	}
	if err != nil {
		return nil, "", err
	}
	if s.config.RePublish != nil {
		r := handle.CachedInfo().Config.RePublish
		if r == nil || epochOf(r.Destination) == "" {
			return nil, "", fmt.Errorf("nats: stream %s does not republish as gale needs it; delete it", s.config.Name)
		}
		s.epoch = epochOf(r.Destination)
	}
	s.handle = handle
	return handle, s.epoch, nil
}

// forget has the next one look again.
func (s *stream) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handle = nil
}

// use calls fn with the stream, once more when it turns out to be gone.
func (b *Broker) use(ctx context.Context, s *stream, fn func(handle jetstream.Stream, epoch string) error) error {
	for again := false; ; again = true {
		handle, epoch, err := s.open(ctx, b.js)
		if err == nil {
			err = fn(handle, epoch)
		}
		if err == nil || again || !errors.Is(err, jetstream.ErrStreamNotFound) && !errors.Is(err, jetstream.ErrNoStreamResponse) {
			return err
		}
		s.forget()
	}
}
