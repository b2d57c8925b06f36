package hubwire_test

import (
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/hubwire"
)

func TestParse(t *testing.T) {
	t.Parallel()
	r, err := hubwire.Parse([]byte(`{"type":"subscribe","topic":"a","epoch":"e","offset":3,"presence":true}`))
	assert.NoError(t, err)
	assert.Equal(t, r, hubwire.Request{Type: "subscribe", Topic: "a", Epoch: "e", Offset: 3, Presence: true})
	for _, bad := range []string{
		``, `[]`, `{"type":"ping"}{}`, `{"type":1}`, `{"type":"ping","type":"ping"}`, `{"type":"ping","more":1}`,
		`{"type":"subscribe","recent":-1}`, `{"type":"subscribe","offset":-1}`, `{"type":"subscribe","topic":"\ud800"}`,
		`{"type":"call","id":0}`, `{"type":"call","id":1,"timeout":-1}`, `{"type":"ping"` + strings.Repeat(" ", hubwire.MaxRequest) + `}`,
	} {
		_, err := hubwire.Parse([]byte(bad))
		assert.True(t, err != nil, bad)
	}
}

// FuzzParse: what passes keeps within the limits that the hub counts on.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"type":"call","id":7,"method":"m","data":{"a":[1]},"timeout":5}`, `{"type":"subscribe","topic":"a","offset":18446744073709551615}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := hubwire.Parse(data)
		if err == nil && (r.Recent < 0 || r.Timeout < 0 || r.Type == "call" && r.ID == 0) {
			t.Errorf("%q passed", data)
		}
	})
}

func TestEncode(t *testing.T) {
	t.Parallel()
	recovered := false
	for want, message := range map[string]any{
		`{"type":"subscribed","topic":"a","epoch":"","offset":0}`:                    hubwire.Subscribed{Type: "subscribed", Topic: "a"},
		`{"type":"subscribed","topic":"a","epoch":"e","offset":3,"recovered":false}`: hubwire.Subscribed{"subscribed", "a", "e", 3, &recovered},
		`{"type":"pong"}`:          hubwire.Plain{Type: "pong"},
		`{"type":"result","id":3}`: hubwire.Result{Type: "result", ID: 3},
		"{\"type\":\"error\",\"topic\":\"\ufffd\",\"code\":\"x\",\"message\":\"\"}": hubwire.Error{Type: "error", Topic: "\xff", Code: "x"},
	} {
		assert.Equal(t, string(hubwire.Encode(message)), want)
	}
}
