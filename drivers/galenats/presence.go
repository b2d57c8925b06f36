package galenats

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// maxTTL is the longest time for which members are kept.
const maxTTL = 2 * time.Hour

// presenceConfig is of a stream in memory: nodes say again who is there.
func (b *Broker) presenceConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              "GALE_" + b.o.Prefix + "_presence",
		Description:       "who is there on gale's topics, by node",
		Subjects:          []string{b.o.Prefix + ".p.>"},
		MaxMsgsPerSubject: 1,
		MaxAge:            maxTTL,
		Discard:           jetstream.DiscardOld,
		Storage:           jetstream.MemoryStorage,
		Replicas:          b.o.Replicas,
	}
}

func (b *Broker) presenceSubject(node, name string) string {
	return b.o.Prefix + ".p." + node + "." + token(name)
}

// SetMembers implements [hub.PresenceStore]. The longest ttl is 2 hours.
func (b *Broker) SetMembers(ctx context.Context, name, node string, members []byte, ttl time.Duration) error {
	if err := b.connected(ctx); err != nil {
		return err
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	subject := b.presenceSubject(nodeToken(node), name)
	return explain(ctx, b.use(limited, b.presence, func(handle jetstream.Stream, _ string) error {
		if len(members) == 0 {
			return handle.Purge(limited, jetstream.WithPurgeSubject(subject))
		}
		text := append(strconv.AppendInt(nil, min(ttl, maxTTL).Milliseconds(), 10), '\n')
		_, err := b.js.Publish(limited, subject, append(text, members...), jetstream.WithRetryAttempts(0))
		return err
	}))
}

// Members implements [hub.PresenceStore].
func (b *Broker) Members(ctx context.Context, name string) (map[string][]byte, error) {
	if err := b.connected(ctx); err != nil {
		return nil, err
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	members := make(map[string][]byte)
	err := b.use(limited, b.presence, func(handle jetstream.Stream, _ string) error {
		info, err := handle.Info(limited, jetstream.WithSubjectFilter(b.presenceSubject("*", name)))
		if err != nil {
			return err
		}
		now := info.TimeStamp // of the server, from 2.10 on
		if now.IsZero() {
			now = time.Now()
		}
		for subject := range info.State.Subjects {
			m, err := handle.GetLastMsgForSubject(limited, subject)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue // taken back meanwhile
			}
			if err != nil {
				return err
			}
			text, said, _ := bytes.Cut(m.Data, []byte("\n"))
			ttl, err1 := strconv.ParseInt(string(text), 10, 64)
			node, err2 := base64.RawURLEncoding.DecodeString(strings.SplitN(subject, ".", 4)[2])
			if err := errors.Join(err1, err2); err != nil {
				return fmt.Errorf("nats: message on %s is not one of gale's: %w", subject, err)
			}
			if now.Before(m.Time.Add(time.Duration(ttl) * time.Millisecond)) {
				members[string(node)] = said
			}
		}
		return nil
	})
	if err != nil {
		return nil, explain(ctx, err)
	}
	return members, nil
}
