package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
)

// clock lets relay live through two minutes in a second, then follows the time.
type clock struct {
	mu sync.Mutex
	at time.Time // zero: the present
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now()
	}
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	c.at = at
	c.mu.Unlock()
}

// stage is what the pictures show.
type stage struct {
	url   string
	key   string
	clock *clock
}

const (
	email    = "ada@example.com"
	password = "wind-in-the-willows"
)

func (s *stage) signIn(tab *e2e.Tab) error {
	if _, err := tab.Go(s.url + "/sign-in"); err != nil {
		return err
	}
	return tab.Submit("main form button", "#email", email, "#password", password)
}

// set makes a user, channels, keys and the packets of the last two minutes.
func (s *stage) set(ctx context.Context, browser *e2e.Browser) error {
	begin := time.Now().Add(-2 * time.Minute)
	s.clock.set(begin)
	tab, err := browser.Open(e2e.View{})
	if err != nil {
		return err
	}
	defer tab.Close()
	if _, err := tab.Go(s.url + "/sign-up"); err != nil {
		return err
	}
	if err := tab.Submit("main form button", "#name", "ada", "#email", email, "#password", password); err != nil {
		return err
	}
	for _, c := range [][2]string{{"workshop", "Workshop"}, {"greenhouse", "Greenhouse"}, {"front-door", "Front door"}, {"deploys", "Deployments"}, {"wind-farm", "Wind farm"}} {
		if _, err := tab.Go(s.url + "/"); err != nil {
			return err
		}
		if err := tab.Submit("form[action='/channels'] button", "#title", c[1], "#name", c[0]); err != nil {
			return err
		}
	}
	for _, name := range []string{"laptop", "mill"} {
		if _, err := tab.Go(s.url + "/profile"); err != nil {
			return err
		}
		if err := tab.Submit("form[action='/profile/keys'] button", "#key-name", name); err != nil {
			return err
		}
		if s.key, err = e2e.Eval[string](tab, "document.querySelector('.notice code').textContent"); err != nil {
			return err
		}
	}
	if err := s.otherDevice(ctx); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	second := 0
	for at := begin; at.Before(time.Now()); at = at.Add(time.Second) {
		s.clock.set(at)
		if err := s.send(ctx, packets(random, second)); err != nil {
			return err
		}
		second++
	}
	s.clock.set(time.Time{})
	return nil
}

// otherDevice signs the user in from a phone too.
func (s *stage) otherDevice(ctx context.Context) error {
	form := url.Values{"email": {email}, "password": {password}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0")
	return do(req, http.StatusOK)
}

// play sends a second's packets every second, until the function it returns is
// called, which says what went wrong.
func (s *stage) play(ctx context.Context) func() error {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		random := rand.New(rand.NewPCG(3, 4))
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for second := 120; ; second++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				done <- nil
				return
			}
			if err := s.send(ctx, packets(random, second)); err != nil && ctx.Err() == nil {
				done <- err
				return
			}
		}
	}()
	return func() error {
		cancel()
		return <-done
	}
}

type object = map[string]any

// packets are what a workshop's machines say in one second.
func packets(random *rand.Rand, second int) []object {
	var all []object
	add := func(kind string, payload object) { all = append(all, object{"kind": kind, "payload": payload}) }
	round := func(v float64) float64 { return math.Round(v*100) / 100 }
	wave := math.Sin(float64(second) / 9)
	for _, host := range []string{"mill", "lathe", "saw"} {
		add("load", object{"host": host, "one": round(1.2 + wave + random.Float64()*0.4), "five": round(1.1 + wave/2)})
	}
	if second%2 == 0 {
		add("memory", object{"host": "mill", "used_mb": 612 + random.IntN(40), "total_mb": 2048})
	}
	if second%11 == 3 {
		add("door.open", object{"door": "yard", "by": "badge 17"})
		add("door.closed", object{"door": "yard", "open_s": round(3 + 4*random.Float64())})
	}
	for range random.IntN(3 + int(4+4*wave)) {
		add("vibration", object{"axis": string("xyz"[random.IntN(3)]), "mm_s": round(0.4 + random.Float64())})
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func (s *stage) send(ctx context.Context, packets []object) error {
	body, err := json.Marshal(packets)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/channels/workshop/packets", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.key)
	return do(req, http.StatusCreated)
}

func do(req *http.Request, want int) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != want {
		return errors.Join(err, fmt.Errorf("%s: %s %.200s", req.URL.Path, resp.Status, text))
	}
	return err
}
