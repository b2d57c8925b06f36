package main

import "testing"

func TestDecode(t *testing.T) {
	t.Parallel()
	drafts, many, err := decode([]byte(`{"kind":"cpu","payload":{"percent":3},"client_id":"a"}`))
	if err != nil || many || len(drafts) != 1 || drafts[0].Kind != "cpu" || string(drafts[0].Payload) != `{"percent":3}` {
		t.Errorf("object: %v, %v, %v", drafts, many, err)
	}
	drafts, many, err = decode([]byte(`[{"kind":"cpu","payload":{}},{"kind":"net","payload":{}}]`))
	if err != nil || !many || len(drafts) != 2 || drafts[1].Kind != "net" {
		t.Errorf("array: %v, %v, %v", drafts, many, err)
	}
	for _, bad := range []string{`{}`, `[{"kind":"cpu"}]`, `{"kind":"","payload":{}}`, `{"kind":"cpu","payload":[]}`, `"cpu"`} {
		if _, _, err := decode([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
