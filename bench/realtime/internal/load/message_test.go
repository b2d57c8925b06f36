package load

import (
	"encoding/json"
	"testing"
	"time"
)

func TestMessagesAreJSONOfOneSize(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 7, 99_999_999} {
		b := message(n, time.Hour)
		if got, err := numberOf(b); len(b) != Size || !json.Valid(b) || got != n || err != nil {
			t.Errorf("%d: %d bytes %s: %d, %v", n, len(b), b, got, err)
		}
	}
}

func TestFindRefusesWhatWasNotSent(t *testing.T) {
	t.Parallel()
	s := newSent()
	first := s.add(time.Second, 1, true).bytes
	if m, err := s.find(append(first, "tail"...)); err != nil || m.number != 0 || !m.counts {
		t.Errorf("%+v, %v", m, err)
	}
	changed := append([]byte{}, first...)
	changed[Size-3] ^= 1
	for _, bad := range [][]byte{nil, first[:Size-1], changed, message(1, 0), message(0, 0), message(remember, time.Second)} {
		if _, err := s.find(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestCheckParsesEnvelopes(t *testing.T) {
	t.Parallel()
	a, b := string(message(1, 0)), string(message(2, 0))
	good := map[Protocol][]string{
		Plain: {a},
		Hub: {
			`{"type":"subscribed","topic":"bench","epoch":"e","offset":0}`,
			`{"type":"messages","topic":"bench","epoch":"e","items":[{"offset":1,"data":` + a + `},{"offset":2,"data":` + b + `}]}`,
		},
		Centrifuge: {
			`{}`,
			`{"push":{"channel":"bench","pub":{"data":` + a + "}}}\n" + `{"push":{"channel":"bench","pub":{"data":` + b + `}}}`,
		},
	}
	for p, all := range good {
		for _, payload := range all {
			if err := p.check([]byte(payload)); err != nil {
				t.Errorf("%s: %v", p, err)
			}
		}
	}
	bad := map[Protocol][]string{
		Plain:      {a[1:], a + b, ""},
		Hub:        {a[1:], `{"type":"messages","topic":"other","items":[{"data":` + a + `}]}`, `{"type":"messages","topic":"bench","items":[{"data":` + a, a[:40], `{"type":"messages","topic":"bench","items":[{"data":1}]}`},
		Centrifuge: {`{"push":{"channel":"other","pub":{"data":` + a + `}}}`, `{"push":`, `{"push":{"channel":"bench","pub":{"data":` + a[:50] + `}}}`},
	}
	for p, all := range bad {
		for _, payload := range all {
			if err := p.check([]byte(payload)); err == nil {
				t.Errorf("%s takes %q", p, payload)
			}
		}
	}
}

func TestWelcomed(t *testing.T) {
	t.Parallel()
	echo := string(message(0, 0))
	for _, c := range []struct {
		protocol Protocol
		payload  string
		want, ok bool
	}{
		{Plain, echo, true, true},
		{Plain, "else", false, false},
		{Hub, `{"type":"subscribed","topic":"bench"}`, true, true},
		{Hub, `{"type":"error","code":"forbidden"}`, false, false},
		{Hub, `{"type":"pong"}`, false, true},
		{Centrifuge, `{"id":1,"connect":{"client":"x"}}`, false, true},
		{Centrifuge, `{"id":2,"subscribe":{}}`, true, true},
		{Centrifuge, `{"id":2,"error":{"code":103}}`, false, false},
	} {
		if got, err := c.protocol.welcomed([]byte(c.payload)); got != c.want || (err == nil) != c.ok {
			t.Errorf("%s %s: %v, %v", c.protocol, c.payload, got, err)
		}
	}
	if _, err := Protocol("mqtt").hello(); err == nil {
		t.Error("an unknown protocol has a hello")
	}
	if !Centrifuge.isPing([]byte("{}\n")) || Centrifuge.isPing([]byte("{1}")) || Hub.isPing([]byte("{}")) {
		t.Error("a ping is not told from the rest")
	}
}
