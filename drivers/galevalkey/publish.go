package galevalkey

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/hub"
)

// Publish implements [hub.Broker].
func (b *Broker) Publish(ctx context.Context, s hub.Stream, p hub.Publication) (hub.Position, error) {
	if err := ctx.Err(); err != nil {
		return hub.Position{}, context.Cause(ctx)
	}
	entries, err := p.Encode()
	if err != nil {
		return hub.Position{}, err
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	if s.Keep.Messages == 0 {
		return hub.Position{}, explain(ctx, b.publishUnkept(limited, s, encodeUnkept(entries)))
	}
	args := make([]string, 5, 5+len(entries))
	args[0], args[1] = b.channel(s), newEpoch()
	args[2], args[3], args[4] = strconv.Itoa(s.Keep.Messages), milliseconds(s.Keep.Age), metaLife(s.Keep)
	for _, e := range entries {
		args = append(args, encodeEntry(e))
	}
	answer, err := b.runPublish(limited, b.keys(s), args...).AsStrSlice()
	if err != nil {
		return hub.Position{}, explain(ctx, err)
	}
	if len(answer) != 2 {
		return hub.Position{}, fmt.Errorf("valkey: publish was answered by %d values", len(answer))
	}
	offset, err := strconv.ParseUint(answer[1], 10, 64)
	return hub.Position{Epoch: answer[0], Offset: offset}, err
}

func (b *Broker) publishUnkept(ctx context.Context, s hub.Stream, text string) error {
	if b.cluster {
		err := b.scripts.unkept.run(ctx, b.client, b.keys(s), b.channel(s), text).Error()
		if valkey.IsValkeyNil(err) { // a script without a result
			err = nil
		}
		return err
	}
	return b.client.Do(ctx, b.client.B().Publish().Channel(b.channel(s)).Message(text).Build()).Error()
}

// channel returns the name of the channel, and of the stream's key tag.
func (b *Broker) channel(s hub.Stream) string { return b.prefix + ":" + s.Name }

// keys returns the names of meta and stream. The braces have a cluster keep
// both on one server.
func (b *Broker) keys(s hub.Stream) []string {
	tag := "{" + b.channel(s) + "}:"
	return []string{tag + "meta", tag + "stream"}
}

func newEpoch() string { return rand.Text()[:12] }

func milliseconds(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}

// metaLife returns how long a stream's epoch and top are known after the last
// use, in ms: a day more than its messages, for those who watch a silent topic.
func metaLife(k hub.Retention) string {
	if k.Age == 0 && k.Messages > 0 {
		return "0"
	}
	return milliseconds(k.Age + 24*time.Hour)
}

// A message on a channel is one of
//
//	epoch " " prev " " first "\n" then for each entry: length ":" entry
//	" " mark
//
// and of a stream without positions epoch, prev and first are "-", 0 and 0. An
// entry is the length of its key, ":", key and data.

func encodeEntry(e hub.Entry) string {
	return strconv.Itoa(len(e.Key)) + ":" + e.Key + string(e.Data)
}

func encodeUnkept(entries []hub.Entry) string {
	var text strings.Builder
	text.WriteString("- 0 0\n")
	for _, e := range entries {
		entry := encodeEntry(e)
		text.WriteString(strconv.Itoa(len(entry)) + ":" + entry)
	}
	return text.String()
}

func decodeEntry(text string) (hub.Entry, bool) {
	key, data, ok := cutLength(text)
	return hub.Entry{Key: key, Data: []byte(data)}, ok
}

// cutLength splits "3:abcdef" into "abc" and "def".
func cutLength(text string) (head, tail string, ok bool) {
	digits, rest, ok := strings.Cut(text, ":")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 || n > len(rest) {
		return "", "", false
	}
	return rest[:n], rest[n:], true
}

// decodeBatch is false for what is not one of ours.
func decodeBatch(text string) (hub.Batch, bool) {
	head, rest, ok := strings.Cut(text, "\n")
	words := strings.Split(head, " ")
	if !ok || len(words) != 3 {
		return hub.Batch{}, false
	}
	prev, err1 := strconv.ParseUint(words[1], 10, 64)
	offset, err2 := strconv.ParseUint(words[2], 10, 64)
	if err1 != nil || err2 != nil {
		return hub.Batch{}, false
	}
	batch := hub.Batch{Epoch: words[0], Prev: prev}
	positions := batch.Epoch != "-"
	if !positions {
		batch.Epoch = ""
	}
	for rest != "" {
		var text string
		if text, rest, ok = cutLength(rest); !ok {
			return hub.Batch{}, false
		}
		e, ok := decodeEntry(text)
		if !ok {
			return hub.Batch{}, false
		}
		if positions {
			e.Offset = offset
			offset++
		}
		batch.Entries = append(batch.Entries, e)
	}
	return batch, len(batch.Entries) > 0
}
