package galevalkey_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ratelimit"
)

// authority is one that signs certificates, with files for servers and clients.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.make("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// make writes a certificate and its key to name.pem and name.key.
func (a *authority) make(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(a.t, err)
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	assert.NoError(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	assert.NoError(a.t, err)
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		assert.NoError(a.t, os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600))
	}
	signed, err := x509.ParseCertificate(der)
	assert.NoError(a.t, err)
	return signed, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// server makes the certificate of a server under names, and returns the
// arguments by which it speaks nothing but TLS.
func (a *authority) server(clients string, names ...string) []string {
	a.t.Helper()
	c := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	file := "server-" + rand.Text()[:6]
	a.make(file, c)
	return []string{
		"--tls-cert-file", a.file(file + ".pem"), "--tls-key-file", a.file(file + ".key"),
		"--tls-ca-cert-file", a.file("ca.pem"), "--tls-auth-clients", clients,
	}
}

// client is for tests, who trust the authority.
func (a *authority) client() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// newTLSServer returns one that speaks TLS on its only port. It skips the test
// where the program was built without it.
func newTLSServer(t *testing.T, args ...string) *server {
	t.Helper()
	// Reading stops at the first word that is not known.
	said, _ := exec.Command(binary(t), "--port", "0", "--tls-port", "0", "--no-such-word", "0").CombinedOutput()
	if !strings.Contains(string(said), "no-such-word") {
		t.Skip("the server was built without TLS")
	}
	s := newServer(t)
	for i, word := range s.args {
		if word == "--port" {
			s.args[i] = "--tls-port"
		}
	}
	s.args = append(append(s.args, "--port", "0"), args...)
	return s
}

// The server is verified, by the authority in the URL or in the options; and the
// user of the URL needs no more than the package says.
func TestTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.make("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	user := []string{
		"--user", "default", "off",
		"--user", "relay", "on", ">sesame/street", "~gale:*", "~{gale:*", "&gale:*", "+@all", "-@dangerous", "+info", "+role",
	}
	s := newTLSServer(t, append(a.server("no", "127.0.0.1", "valkey.test"), user...)...)
	s.start()
	strict := newTLSServer(t, append(a.server("yes", "127.0.0.1"), user...)...)
	strict.start()
	named := newTLSServer(t, append(a.server("no", "valkey.test"), user...)...)
	named.start()
	const who = "valkeys://relay:sesame%2Fstreet@"
	ca := "?ca=" + url.QueryEscape(a.file("ca.pem"))
	pair := "&cert=" + url.QueryEscape(a.file("client.pem")) + "&key=" + url.QueryEscape(a.file("client.key"))
	for name, c := range map[string]struct {
		url     string
		tls     *tls.Config
		refusal string
	}{
		"authority in the URL":      {url: who + s.addr + ca},
		"authority in the options":  {url: "rediss" + strings.TrimPrefix(who, "valkeys") + s.addr, tls: a.client()},
		"authorities of the system": {url: who + s.addr, refusal: "certificate"},
		"nobody is verified":        {url: who + s.addr + "?skip_verify=true"},
		"wrong password":            {url: "valkeys://relay:street@" + s.addr + ca, refusal: "WRONGPASS"},
		"the user is off":           {url: "valkeys://:sesame@" + s.addr + ca, refusal: "WRONGPASS"},
		"no TLS":                    {url: "valkey://relay:sesame%2Fstreet@" + s.addr, refusal: "lost"},
		"another name":              {url: who + named.addr + ca, refusal: "certificate"},
		"name in the URL":           {url: who + named.addr + ca + "&server_name=valkey.test"},
		"another name in the URL":   {url: who + s.addr + ca + "&server_name=other.test", refusal: "other.test"},
		"no client's certificate":   {url: who + strict.addr + ca, refusal: "lost"},
		"client's certificate":      {url: who + strict.addr + ca + pair},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := galevalkey.Open(t.Context(), c.url, galevalkey.Options{TLS: c.tls})
			if c.refusal != "" {
				assert.Contains(t, err.Error(), c.refusal)
				assert.True(t, !strings.Contains(err.Error(), "street"), "the error shows the password: "+err.Error())
				return
			}
			assert.NoError(t, err)
			defer func() { assert.NoError(t, b.Close(context.WithoutCancel(t.Context()))) }()
			exerciseBroker(t, b)
		})
	}
	t.Run("stores", func(t *testing.T) {
		t.Parallel()
		option, err := galevalkey.ParseURL(who + s.addr + ca)
		assert.NoError(t, err)
		client, err := valkey.NewClient(option)
		assert.NoError(t, err)
		defer client.Close()
		limits := ratelimit.New(ratelimit.Options{Store: galevalkey.NewRateLimits(client, galevalkey.StoreOptions{})})
		result, err := limits.Allow(t.Context(), ratelimit.Limit{Name: "n", Rate: 1, Per: time.Minute}, "k")
		assert.NoError(t, err)
		assert.True(t, result.Allowed, "the first is allowed")
	})
}

// exerciseBroker has the broker do each thing once.
func exerciseBroker(t *testing.T, b *galevalkey.Broker) {
	t.Helper()
	s := kept(rand.Text())
	delivered := make(chan hub.Batch, 10)
	unsubscribe, err := b.Subscribe(t.Context(), s, func(b hub.Batch) { delivered <- b })
	assert.NoError(t, err)
	defer unsubscribe()
	publish(t, b, s, "1")
	await(t, delivered, "1")
	h, err := b.History(t.Context(), s, nil, 1)
	assert.NoError(t, err)
	assert.Equal(t, text(h.Entries), "1")
	assert.NoError(t, b.SetMembers(t.Context(), s.Name, "node", []byte("1"), time.Minute))
	members, err := b.Members(t.Context(), s.Name)
	assert.NoError(t, err)
	assert.Equal(t, string(members["node"]), "1")
	assert.NoError(t, b.Check(t.Context()))
	unkept := hub.Stream{Name: s.Name + "/unkept"}
	publish(t, b, unkept, "2")
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "ca.pem")
	assert.NoError(t, os.WriteFile(empty, nil, 0o600))
	for bad, want := range map[string]string{
		"http://:sesame@h":                                 "does not parse",
		"valkey://:sesame@h?master_set=%zz":                "query of the URL does not parse",
		"valkey://:sesame@h?master_sett=app":               `"master_sett"`,
		"valkey://:sesame@h?ca=/ca.pem":                    "has ca, but no TLS",
		"valkey://:sesame@h?skip_verify":                   "has skip_verify, but no TLS",
		"valkeys://:sesame@h?ca=/no/such.pem":              "no such file",
		"valkeys://:sesame@h?ca=" + url.QueryEscape(empty): "no certificate",
		"valkeys://:sesame@h?cert=/no/such.pem":            "cert and key",
	} {
		_, err := galevalkey.ParseURL(bad)
		if err == nil {
			t.Errorf("%s is taken", bad)
			continue
		}
		assert.Contains(t, err.Error(), want)
		assert.True(t, !strings.Contains(err.Error(), "sesame"), "the error shows the password: "+err.Error())
	}
	_, err := galevalkey.Open(t.Context(), "valkey://h", galevalkey.Options{TLS: &tls.Config{}})
	assert.Contains(t, err.Error(), "begin it with valkeys")

	o, err := galevalkey.ParseURL("rediss://u:p@a:1?addr=b:2&master_set=app&sentinel_username=su&sentinel_password=sp")
	assert.NoError(t, err)
	assert.Equal(t, strings.Join(o.InitAddress, " "), "a:1 b:2")
	assert.Equal(t, o.Username+o.Password+o.Sentinel.Username+o.Sentinel.Password+o.Sentinel.MasterSet, "upsuspapp")
	assert.True(t, o.Sentinel.TLSConfig == o.TLSConfig && o.TLSConfig.ServerName == "", "sentinels speak TLS, each under its name")
}
