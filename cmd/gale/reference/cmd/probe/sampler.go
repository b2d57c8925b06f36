package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log"
	"time"

	"github.com/go-json-experiment/json"
)

// packet is what relay takes.
type packet struct {
	Kind     string `json:"kind"`
	Payload  any    `json:"payload"`
	ClientID string `json:"client_id"`
}

// sampler keeps the counters of the last sample: processor and network are told
// by how they grew.
type sampler struct {
	proc   fs.FS
	id     string // tells the client ids from those of any other run
	out    *log.Logger
	warned map[string]bool
	at     time.Time
	cpu    cpuTimes
	net    map[string]netBytes
}

func newSampler(proc fs.FS, out *log.Logger) *sampler {
	return &sampler{proc: proc, id: rand.Text(), out: out, warned: map[string]bool{}}
}

// run puts a sample into samples every o.every. When relay has been away for so
// long that there is no room, the oldest gives way.
func (s *sampler) run(ctx context.Context, o options, samples chan []byte) error {
	ticker := time.NewTicker(o.every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		packets := s.sample(time.Now())
		if len(packets) == 0 {
			return errors.New("found nothing in /proc to send")
		}
		body, err := json.Marshal(packets, json.Deterministic(true))
		if err != nil {
			return err
		}
		if len(samples) == cap(samples) {
			s.warn("backlog", "has kept all the samples it can and now drops the oldest")
			select {
			case <-samples:
			default: // the sender was quicker
			}
		}
		samples <- body // has room: nobody else adds
		if n == o.count {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// sample returns the packets of this moment, without the kinds that cannot be
// read.
func (s *sampler) sample(now time.Time) []packet {
	since := now.Sub(s.at)
	s.at = now
	var packets []packet
	for _, source := range []struct {
		kind, file string
		parse      func(text string, since time.Duration) (payload any, err error)
	}{
		{"load", "loadavg", parseLoad},
		{"memory", "meminfo", parseMemory},
		{"cpu", "stat", s.parseCPU},
		{"net", "net/dev", s.parseNet},
	} {
		text, err := fs.ReadFile(s.proc, source.file)
		var payload any
		if err == nil {
			payload, err = source.parse(string(text), since)
		}
		if err != nil {
			s.warn(source.kind, "leaves out "+source.kind+": "+err.Error())
		}
		if payload != nil {
			id := now.UTC().Format("2006-01-02T15:04:05.000Z ") + source.kind + " " + s.id
			packets = append(packets, packet{source.kind, payload, id})
		}
	}
	return packets
}

// warn says a thing once.
func (s *sampler) warn(about, text string) {
	if !s.warned[about] {
		s.warned[about] = true
		s.out.Print(text)
	}
}
