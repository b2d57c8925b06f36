package engine

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/certfile"
)

// pair is a certificate's two files.
type pair struct {
	serial    int64
	cert, key []byte
}

func newPair(t *testing.T, serial int64) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	assert.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	assert.NoError(t, err)
	return pair{
		serial, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

// replace puts a new file in the place of name, in one step.
func replace(t *testing.T, name string, data []byte) {
	t.Helper()
	assert.NoError(t, os.WriteFile(name+".new", data, 0o600))
	assert.NoError(t, os.Rename(name+".new", name))
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestCertificateReload(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Loop, Std} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			first, second := newPair(t, 1), newPair(t, 2)
			dir := t.TempDir()
			clock := &clock{at: time.Now()}
			var log bytes.Buffer
			files := &certfile.Files{
				Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"),
				Log: slog.New(slog.NewTextHandler(&log, nil)), Now: clock.now,
			}
			replace(t, files.Cert, first.cert)
			replace(t, files.Key, first.key)
			assert.NoError(t, files.Load())

			srv := &Server{Mode: mode, Handler: http.NotFoundHandler(), TLSConfig: &tls.Config{GetCertificate: files.Get}}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			assert.NoError(t, err)
			done := make(chan error, 1)
			go func() { done <- srv.ServeTLS(l, "", "") }()
			seen := func() int64 {
				c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
				assert.NoError(t, err)
				defer c.Close()
				return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
			}
			assert.Equal(t, seen(), 1)
			replace(t, files.Cert, second.cert)
			assert.Equal(t, seen(), 1) // nobody has looked yet
			clock.add(certfile.Look)
			assert.Equal(t, seen(), 1) // half of it is not used
			clock.add(certfile.Look)
			assert.Equal(t, seen(), 1)
			assert.Equal(t, strings.Count(log.String(), "level=WARN"), 1)
			replace(t, files.Key, second.key)
			clock.add(certfile.Look)
			assert.Equal(t, seen(), 2)
			assert.NoError(t, os.Remove(files.Key))
			clock.add(certfile.Look)
			assert.Equal(t, seen(), 2)
			assert.Equal(t, strings.Count(log.String(), "level=WARN"), 2)
			assert.NoError(t, srv.Close())
			assert.ErrorIs(t, <-done, http.ErrServerClosed)
		})
	}
}

func TestCertificateFilesOfServeTLS(t *testing.T) {
	t.Parallel()
	p, dir := newPair(t, 7), t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	s := &Server{}
	_, err := s.tlsConfig(cert, key)
	assert.ErrorIs(t, err, os.ErrNotExist)
	replace(t, cert, p.cert)
	replace(t, key, p.key)
	mine := &tls.Config{NextProtos: append(make([]string, 0, 4), "x")}
	s.TLSConfig = mine
	config, err := s.tlsConfig(cert, key)
	assert.NoError(t, err)
	assert.Equal(t, config.NextProtos, []string{"x", "h2", "http/1.1"})
	assert.Equal(t, config.MinVersion, uint16(tls.VersionTLS12))
	assert.Equal(t, len(mine.NextProtos), 1)
	assert.Equal(t, mine.NextProtos[:2][1], "") // nor behind its end
	got, err := config.GetCertificate(nil)
	assert.NoError(t, err)
	assert.Equal(t, got.Leaf.SerialNumber.Int64(), 7)
}
