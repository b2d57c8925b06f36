package engine_test

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// rawTLS is a client of TLS 1.3 (RFC 8446) after its handshake, record by
// record: with it tests send what crypto/tls never would.
type rawTLS struct {
	t      *testing.T
	conn   net.Conn
	r      *bufio.Reader
	ours   keys
	theirs keys
}

// The types of records, and the messages, that tests name.
const (
	recordAlert       = 21
	recordHandshake   = 22
	recordApplication = 23

	alertCloseNotify = 0
	messageKeyUpdate = 24
)

// keys protect one direction.
type keys struct {
	secret []byte
	seq    uint64
}

// dialRawTLS makes the handshake by crypto/tls and then goes on with its keys.
func dialRawTLS(t *testing.T, addr string) *rawTLS {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	var log strings.Builder
	c := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &log})
	assert.NoError(t, c.HandshakeContext(t.Context()))
	if c.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("the machine has no AES instructions, so that another cipher suite was chosen")
	}
	raw := &rawTLS{t: t, conn: conn, r: bufio.NewReader(conn)}
	for line := range strings.Lines(log.String()) {
		label, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		_, secret, _ := strings.Cut(rest, " ")
		switch label {
		case "CLIENT_TRAFFIC_SECRET_0":
			raw.ours.secret, err = hex.DecodeString(secret)
		case "SERVER_TRAFFIC_SECRET_0":
			raw.theirs.secret, err = hex.DecodeString(secret)
		}
		assert.NoError(t, err)
	}
	return raw
}

// expand is HKDF-Expand-Label.
func expand(secret []byte, label string, size int) []byte {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len(label)))
	info = append(info, label...)
	out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), size)
	if err != nil {
		panic(err)
	}
	return out
}

// next returns the cipher and the nonce for the next record.
func (k *keys) next() (cipher.AEAD, []byte) {
	block, err := aes.NewCipher(expand(k.secret, "key", 16))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	nonce := expand(k.secret, "iv", aead.NonceSize())
	seq := binary.BigEndian.AppendUint64(make([]byte, len(nonce)-8), k.seq)
	for i := range nonce {
		nonce[i] ^= seq[i]
	}
	k.seq++
	return aead, nonce
}

// update goes on to the next generation of keys.
func (k *keys) update() { k.secret, k.seq = expand(k.secret, "traffic upd", sha256.Size), 0 }

// record returns a record to send.
func (c *rawTLS) record(kind byte, data string) string {
	aead, nonce := c.ours.next()
	head := []byte{recordApplication, 3, 3}
	head = binary.BigEndian.AppendUint16(head, uint16(len(data)+1+aead.Overhead()))
	return string(aead.Seal(head, nonce, append([]byte(data), kind), head))
}

// keyUpdate returns a record that changes our keys, and asks for a change of
// the server's.
func (c *rawTLS) keyUpdate() string {
	defer c.ours.update()
	return c.record(recordHandshake, string([]byte{messageKeyUpdate, 0, 0, 1, 1}))
}

func (c *rawTLS) send(bytes string) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, bytes)
	assert.NoError(c.t, err)
}

// receive returns the next record that is no ticket, and follows the server's
// changes of keys.
func (c *rawTLS) receive() (kind byte, data string, err error) {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(c.r, head); err != nil {
			return 0, "", err
		}
		body := make([]byte, binary.BigEndian.Uint16(head[3:]))
		if _, err := io.ReadFull(c.r, body); err != nil {
			return 0, "", err
		}
		aead, nonce := c.theirs.next()
		plain, err := aead.Open(nil, nonce, body, head)
		if err != nil {
			return 0, "", fmt.Errorf("record %d: %w", c.theirs.seq-1, err)
		}
		kind, plain := plain[len(plain)-1], plain[:len(plain)-1]
		switch {
		case kind != recordHandshake:
			return kind, string(plain), nil
		case plain[0] == messageKeyUpdate:
			c.theirs.update()
			return kind, string(plain), nil
		}
	}
}

// expect fails the test unless a record of that kind comes next whose data
// contains part.
func (c *rawTLS) expect(kind byte, part string) {
	c.t.Helper()
	got, data, err := c.receive()
	assert.NoError(c.t, err)
	assert.Equal(c.t, got, kind)
	assert.Contains(c.t, data, part)
}

// expectBye fails the test unless the server says that it closes, and does.
func (c *rawTLS) expectBye() {
	c.t.Helper()
	c.expect(recordAlert, string([]byte{1, alertCloseNotify}))
	_, err := c.r.ReadByte()
	assert.ErrorIs(c.t, err, io.EOF)
}
