package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	minBackoff = 250 * time.Millisecond
	maxBackoff = 10 * time.Second

	maxRetryAfter = 5 * time.Minute // longest that relay may ask to wait
)

// sender posts samples, one after the other and each until relay has it.
type sender struct {
	client  http.Client
	options options
	out     *log.Logger
	away    bool // relay could not take the last one, and that was told
}

func newSender(client *http.Client, o options, out *log.Logger) *sender {
	s := &sender{client: *client, options: o, out: out}
	// A redirect would turn the POST into a GET, or carry the key elsewhere.
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// run sends samples until the channel is closed or ctx ends, which is no error.
func (s *sender) run(ctx context.Context, samples <-chan []byte) error {
	for body := range samples {
		if err := s.send(ctx, body); err != nil && ctx.Err() != nil {
			s.out.Printf("stops; samples not sent: %d", len(samples)+1)
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// send posts body until relay has it, refuses it for good, or ctx ends.
func (s *sender) send(ctx context.Context, body []byte) error {
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		asked, trouble, err := s.post(ctx, body)
		if trouble == "" {
			if err == nil && s.away {
				s.away = false
				s.out.Print("relay answers again; sends what waits")
			}
			return err
		}
		if !s.away && ctx.Err() == nil {
			s.away = true
			s.out.Print(trouble + "; keeps the samples and tries again")
		}
		// Half of it by chance, so that many probes do not come back at once.
		select {
		case <-time.After(asked + backoff/2 + rand.N(backoff/2)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// post makes one attempt. It returns the trouble when another may succeed after
// the wait, and an error when none will.
func (s *sender) post(ctx context.Context, body []byte) (wait time.Duration, trouble string, err error) {
	address := strings.TrimRight(s.options.url, "/") + "/api/v1/channels/" + url.PathEscape(s.options.channel) + "/packets"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+s.options.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return 0, "cannot reach relay: " + err.Error(), nil
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // read, so that the connection is kept
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return 0, "", nil
	case code >= 500 || code == http.StatusTooManyRequests:
		seconds, _ := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 31)
		return min(time.Duration(seconds)*time.Second, maxRetryAfter), "relay answers " + res.Status, nil
	case code == http.StatusUnauthorized:
		return 0, "", fmt.Errorf("relay does not know this key; make one on the profile page and pass it in RELAY_KEY")
	case code == http.StatusForbidden || code == http.StatusNotFound:
		return 0, "", fmt.Errorf("relay has no channel %s, or the key may not send to it; create it on the home page", s.options.channel)
	default:
		return 0, "", fmt.Errorf("relay at %s refuses the packets: %s: %.300q", s.options.url, res.Status, answer)
	}
}
