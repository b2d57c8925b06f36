package main

import (
	"bytes"
	"fmt"
)

// payload is what a packet carries: 120 bytes, as a sensor sends them.
const payload = `{"host":"edge-07","percent":37.25,"celsius":54.5,"watts":18.75,"uptime_s":86400,"fans":[1180,1210],"note":"all is well"}`

// request is a POST that is sent again and again; where packets have client
// ids, next makes those differ each time.
type request struct {
	bytes []byte
	ids   [][]byte // parts of bytes
	count uint64
}

// idDigits is the length of a client id: two hexadecimal digits for the
// connection and the rest to count.
const idDigits = 16

// newRequest makes the request of one connection for packets packets: an
// object for one, an array for more.
func newRequest(s server, connection, packets int, clientIDs bool) *request {
	var body bytes.Buffer
	placeholder := bytes.Repeat([]byte("#"), idDigits)
	if packets > 1 {
		body.WriteByte('[')
	}
	for i := range packets {
		if i > 0 {
			body.WriteByte(',')
		}
		body.WriteString(`{"kind":"cpu","payload":` + payload)
		if clientIDs {
			fmt.Fprintf(&body, `,"client_id":"%s"`, placeholder)
		}
		body.WriteByte('}')
	}
	if packets > 1 {
		body.WriteByte(']')
	}
	r := &request{count: uint64(connection) << (4 * (idDigits - 2))}
	r.bytes = fmt.Appendf(nil, "POST /api/v1/channels/%s/packets HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", channel, s.addr, s.key, body.Len(), body.Bytes())
	for at := 0; ; {
		i := bytes.Index(r.bytes[at:], placeholder)
		if i < 0 {
			return r
		}
		r.ids = append(r.ids, r.bytes[at+i:at+i+idDigits])
		at += i + idDigits
	}
}

// next returns the request to send; it is valid until the next call.
func (r *request) next() []byte {
	const digits = "0123456789abcdef"
	for _, id := range r.ids {
		r.count++
		for n, i := r.count, idDigits-1; i >= 0; n, i = n>>4, i-1 {
			id[i] = digits[n&15]
		}
	}
	return r.bytes
}
