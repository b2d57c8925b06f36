package galenats

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/galeweb/gale/hub"
)

// Subjects, each below the prefix, where class is messages and milliseconds:
//
//	u.NAME              what is not kept
//	h.CLASS.NAME        what is kept, on its way into the stream
//	l.CLASS.EPOCH.NAME  the same, published again by the stream
//	p.NODE.NAME         who is there by a node

// token writes a topic's name as tokens. A dot ends a token, so that those of
// the name become a percent sign, which no name has.
func token(name string) string {
	return strings.NewReplacer("/", ".", ".", "%").Replace(name)
}

func nodeToken(node string) string { return base64.RawURLEncoding.EncodeToString([]byte(node)) }

func class(k hub.Retention) string {
	return strconv.Itoa(k.Messages) + "-" + strconv.FormatInt(age(k).Milliseconds(), 10)
}

// age returns what JetStream can do: 100 ms or more.
func age(k hub.Retention) time.Duration {
	if k.Age <= 0 {
		return 0
	}
	return max(k.Age.Truncate(time.Millisecond), 100*time.Millisecond)
}

func (b *Broker) unkeptSubject(name string) string { return b.o.Prefix + ".u." + token(name) }

func (b *Broker) keptSubject(s hub.Stream) string {
	return b.o.Prefix + ".h." + class(s.Keep) + "." + token(s.Name)
}

func (b *Broker) liveSubject(k hub.Retention, epoch, tokens string) string {
	return b.o.Prefix + ".l." + class(k) + "." + epoch + "." + tokens
}

// epochOf returns the epoch in a live subject.
func epochOf(subject string) string {
	parts := strings.SplitN(subject, ".", 5)
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}

// encodeEntry writes the length of the key, a colon, key and data. An empty
// message is none, but a mark.
func encodeEntry(e hub.Entry) []byte {
	b := strconv.AppendInt(make([]byte, 0, 4+len(e.Key)+len(e.Data)), int64(len(e.Key)), 10)
	b = append(b, ':')
	b = append(b, e.Key...)
	return append(b, e.Data...)
}

func decodeEntry(b []byte) (hub.Entry, bool) {
	digits, rest, ok := strings.Cut(string(b), ":")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 || n > len(rest) {
		return hub.Entry{}, false
	}
	return hub.Entry{Key: rest[:n], Data: b[len(digits)+1+n:]}, true
}
