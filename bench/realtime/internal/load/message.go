package load

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/galeweb/gale/bench/realtime/internal/peer"
)

// Size is the length in bytes of every message that is broadcast.
const Size = peer.MessageSize

// A message is a JSON object that nothing on its way needs to escape or may
// change: its number, when it was due, and some text like that of a packet.
const (
	numberMark   = `{"seq":"`
	numberDigits = 8
	dueMark      = `","due":"`
	dueDigits    = 15
	rest         = `","channel":"north-sea","name":"buoy 1","tags":["wind","gust","wave"],"live":true,"x":1}`
)

// message returns the message with a number, due some time after a client
// began.
func message(number int, due time.Duration) []byte {
	b := make([]byte, 0, Size)
	b = append(b, numberMark...)
	b = digits(b, int64(number), numberDigits)
	b = append(b, dueMark...)
	b = digits(b, int64(due), dueDigits)
	return append(b, rest...)
}

func digits(dst []byte, n int64, width int) []byte {
	s := strconv.FormatInt(n, 10)
	for range width - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

// numberOf returns the number of the message at the start of b.
func numberOf(b []byte) (int, error) {
	if len(b) < Size || !bytes.HasPrefix(b, []byte(numberMark)) {
		return 0, fmt.Errorf("load: no message: %.200q", b)
	}
	n := 0
	for _, d := range b[len(numberMark) : len(numberMark)+numberDigits] {
		if d < '0' || d > '9' {
			return 0, fmt.Errorf("load: no number: %.200q", b)
		}
		n = n*10 + int(d-'0')
	}
	return n, nil
}

// sent is what has been sent and may still arrive.
type sent struct {
	ring []sentMessage
	next int // number of the next one
	// counting is the number of the first one that counts.
	counting int
}

type sentMessage struct {
	number int // -1: none yet
	bytes  []byte
	due    time.Duration
	counts bool // it was due within the measured time
	left   int  // connections that have not got it
}

// remember is how many messages may be on their way: those of a load that a
// server cannot keep up with are many.
const remember = 1 << 12

func newSent() *sent {
	s := &sent{ring: make([]sentMessage, remember)}
	for i := range s.ring {
		s.ring[i].number = -1
	}
	return s
}

// add makes the next message and returns it.
func (s *sent) add(due time.Duration, receivers int, counts bool) *sentMessage {
	if !counts {
		s.counting = s.next + 1
	}
	m := &s.ring[s.next%remember]
	*m = sentMessage{number: s.next, bytes: message(s.next, due), due: due, counts: counts, left: receivers}
	s.next++
	return m
}

// find returns the message that b begins with, or an error when it is none that
// was sent, or differs from it anywhere.
func (s *sent) find(b []byte) (*sentMessage, error) {
	n, err := numberOf(b)
	if err != nil {
		return nil, err
	}
	m := &s.ring[n%remember]
	if m.number != n || !bytes.Equal(m.bytes, b[:Size]) {
		return nil, fmt.Errorf("load: message %d was not sent, or long ago, or not so: %.200q", n, b)
	}
	return m, nil
}
