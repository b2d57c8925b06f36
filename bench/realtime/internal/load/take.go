package load

import (
	"errors"
	"fmt"
	"time"
)

// take takes the frames in data, after what came before.
func (s *Session) take(c *conn, data []byte) error {
	if len(c.part) > 0 {
		data = append(c.part, data...)
		c.part = nil
	}
	for len(data) > 0 {
		f, n, err := next(data)
		if errors.Is(err, errPart) {
			c.part = append([]byte(nil), data...)
			return nil
		}
		if err != nil {
			return err
		}
		data = data[n:]
		s.bytes += n
		if err := s.frame(c, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) frame(c *conn, f frame) error {
	switch f.opcode {
	case opPing:
		return c.write(masked(opPong, f.payload))
	case opPong:
		return nil
	case opClose:
		return fmt.Errorf("%w: %.100q", errClosed, f.payload)
	case opContinuation:
		c.begun = append(c.begun, f.payload...)
		if !f.fin {
			return nil
		}
		f.payload, f.compressed = c.begun, c.packed
		c.begun = nil
	case opText, opBinary:
		if !f.fin {
			c.begun, c.packed = append([]byte{}, f.payload...), f.compressed
			return nil
		}
	default:
		return fmt.Errorf("load: opcode %d", f.opcode)
	}
	payload := f.payload
	if f.compressed {
		var err error
		if payload, err = s.inflater.inflate(payload); err != nil {
			return err
		}
	} else if s.mustPack && s.taken == nil {
		return errors.New("load: a message came uncompressed")
	}
	if s.taken != nil {
		return s.taken(c, payload)
	}
	return s.messages(c, payload)
}

// messages counts the messages in a payload.
func (s *Session) messages(c *conn, payload []byte) error {
	if s.protocol.isPing(payload) {
		return c.write(masked(opText, []byte("{}")))
	}
	if s.sent == nil {
		return fmt.Errorf("load: nothing was asked for: %.200q", payload)
	}
	if !c.checked {
		if err := s.protocol.check(payload); err != nil {
			return err
		}
		c.checked = true
	}
	now := time.Since(s.begin)
	return s.protocol.each(payload, func(b []byte) error {
		m, err := s.sent.find(b)
		if err != nil {
			return err
		}
		if m.number < c.next || m.number > c.next && !s.lossy {
			return fmt.Errorf("load: message %d came, after %d: lost, twice or in disorder", m.number, c.next-1)
		}
		s.skip(c, m.number)
		c.next = m.number + 1
		s.deliveries++
		if m.left--; m.left == 0 {
			s.complete++
		}
		if m.counts {
			s.pending--
			s.latencies.add(now - m.due)
		}
		return nil
	})
}
