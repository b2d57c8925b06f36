package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/session"
)

// certificate makes files with a key and a certificate for this machine that
// nobody knows, and that is its own authority.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	assert.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	assert.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	assert.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	assert.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}

// TestValkeyByTLS: sessions, limits and live packets go to a server that asks for a
// password over TLS that is checked; what is wrong is told by the setting's name, and
// without the password.
func TestValkeyByTLS(t *testing.T) {
	t.Parallel()
	galetest.Require(t, "redis") // where there is one, its program is too
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server, to start it with TLS")
	}
	cert, key := certificate(t)
	another, _ := certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	addr := l.Addr().String()
	assert.NoError(t, l.Close())
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(program, "--bind", "127.0.0.1", "--port", "0", "--tls-port", port, "--dir", t.TempDir(), "--save", "",
		"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no", "--requirepass", "hunter2")
	assert.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // says that it was killed
	})
	until(t, func() bool {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // only whether it listens
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})

	ctx, good := t.Context(), "rediss://:hunter2@"+addr+"?ca="+cert
	sessions, stop, err := app.OpenSessions(good, "tls")
	assert.NoError(t, err)
	r := session.Record{Hash: session.Hash{1}, ID: "a", User: "ada", Created: time.Now(), Seen: time.Now(), Expires: time.Now().Add(time.Minute)}
	assert.NoError(t, sessions.Save(ctx, r.Hash, r))
	got, err := sessions.Load(ctx, r.Hash)
	assert.NoError(t, err)
	assert.Equal(t, got.User, "ada")
	assert.NoError(t, stop(ctx))

	limits, stop, err := app.OpenLimits(good, "tls", nil)
	assert.NoError(t, err)
	allowed, err := ratelimit.New(ratelimit.Options{Store: limits}).Allow(ctx, ratelimit.Limit{Name: "n", Rate: 1, Per: time.Minute}, "k")
	assert.NoError(t, err)
	assert.True(t, allowed.Allowed, "it counts")
	assert.NoError(t, stop(ctx))

	_, stop, err = app.OpenBroker(ctx, good, "tls", slog.New(slog.DiscardHandler))
	assert.NoError(t, err)
	assert.NoError(t, stop(ctx))

	for what, bad := range map[string]struct{ url, says string }{
		"authority of the system": {"rediss://:hunter2@" + addr, "certificate"},
		"another authority":       {"rediss://:hunter2@" + addr + "?ca=" + another, "certificate"},
		"no authority there":      {"rediss://:hunter2@" + addr + "?ca=/no/such.pem", "/no/such.pem"},
		"wrong password":          {"rediss://:hunter22@" + addr + "?ca=" + cert, "WRONGPASS"},
		"no password":             {"rediss://" + addr + "?ca=" + cert, "NOAUTH"},
		"authority without TLS":   {"redis://:hunter2@" + addr + "?ca=" + cert, "rediss"},
		"no TLS":                  {"redis://:hunter2@" + addr, ""},
	} {
		_, _, err := app.OpenSessions(bad.url, "tls")
		_, _, err2 := app.OpenLimits(bad.url, "tls", nil)
		_, _, err3 := app.OpenBroker(ctx, bad.url, "tls", slog.New(slog.DiscardHandler))
		for setting, err := range map[string]error{"SESSION_URL": err, "LIMIT_URL": err2, "HUB_URL": err3} {
			if err == nil {
				t.Errorf("%s: %s is taken", what, setting)
				continue
			}
			if text := err.Error(); !strings.Contains(text, setting) || !strings.Contains(text, bad.says) || strings.Contains(text, "hunter2") {
				t.Errorf("%s: the error is %q", what, text)
			}
			t.Log(what, err)
		}
	}
}
