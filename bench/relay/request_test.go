package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	if len(payload) != 120 {
		t.Errorf("the payload is %d bytes, not the 120 that are told", len(payload))
	}
	s := server{addr: "127.0.0.1:1", key: "k"}
	seen := map[string]bool{}
	for _, connection := range []int{0, 1, 255} {
		r := newRequest(s, connection, 3, true)
		for range 2 {
			req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(r.next())))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(req.Body)
			if err != nil || req.Header.Get("Authorization") != "Bearer k" || req.URL.Path != "/api/v1/channels/bench/packets" {
				t.Fatal(req, err)
			}
			var packets []struct {
				Kind     string
				ClientID string `json:"client_id"`
			}
			if err := json.Unmarshal(body, &packets); err != nil || len(packets) != 3 {
				t.Fatalf("%s: %v", body, err)
			}
			for _, p := range packets {
				if seen[p.ClientID] || len(p.ClientID) != idDigits {
					t.Errorf("client id %q is not new", p.ClientID)
				}
				seen[p.ClientID] = true
			}
		}
	}
	plain := newRequest(s, 0, 1, false).next()
	if bytes.Contains(plain, []byte("client_id")) || !bytes.Contains(plain, []byte("\r\n\r\n{")) {
		t.Errorf("one packet is not a plain object:\n%s", plain)
	}
}
