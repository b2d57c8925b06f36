package newcmd

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

func TestCheckGo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		found, toolchain string
		ok               bool
	}{
		{"go1.26.0", "auto", true},
		{"go1.26.8", "local", true},
		{"go1.27.1 X:nodwarf5", "local", true},
		{"devel go1.28-abcdef", "local", true},
		{"go1.25.9", "auto", true}, // it downloads a newer one
		{"go1.25.9", "local", false},
		{"go1.26rc1", "local", false},
		{"go1.20.14", "", false},
	} {
		err := checkGo(test.found, test.toolchain, "go1.26.0")
		if (err == nil) != test.ok {
			t.Errorf("%s %s: %v", test.found, test.toolchain, err)
		}
		if err != nil {
			assert.Contains(t, err.Error(), "projects need go1.26.0; install it from https://go.dev/dl")
		}
	}
}

func TestFreeAddr(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer l.Close()
	for addr, want := range map[string]string{
		l.Addr().String():  "another program listens on " + l.Addr().String(),
		"8080":             `--addr "8080" is not host:port`,
		"unix:/run/x.sock": "cannot listen on",
		"192.0.2.1:80":     "cannot listen on 192.0.2.1:80", // an address of no machine
		"127.0.0.1:99999":  "cannot listen on 127.0.0.1:99999",
	} {
		if _, err := freeAddr(t.Context(), addr); err == nil {
			t.Errorf("%s was accepted", addr)
		} else {
			assert.Contains(t, err.Error(), want)
		}
	}
	addr, err := freeAddr(t.Context(), "127.0.0.1:0")
	assert.NoError(t, err)
	assert.True(t, !strings.HasSuffix(addr, ":0"), "no port was chosen: "+addr)
	free, err := net.Listen("tcp", addr)
	assert.NoError(t, err)
	assert.NoError(t, free.Close())
}

func TestURLOf(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"127.0.0.1:8080":    "http://127.0.0.1:8080/",
		":80":               "http://localhost:80/",
		"0.0.0.0:80":        "http://localhost:80/",
		"[::]:80":           "http://localhost:80/",
		"[::1]:80":          "http://[::1]:80/",
		"example.test:8000": "http://example.test:8000/",
	} {
		assert.Equal(t, urlOf(addr), want)
	}
}

func TestIsClone(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../../..")
	assert.NoError(t, err)
	assert.True(t, isClone(root), "the working tree is a clone")
	assert.Equal(t, clone(), root)

	other := t.TempDir()
	assert.True(t, !isClone(other), "an empty folder is no clone")
	for name, content := range map[string]string{"go.mod": "module example.com/mine\n", "drivers/go.mod": "module example.com/mine/drivers\n"} {
		assert.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(other, name)), 0o755))
		assert.NoError(t, os.WriteFile(filepath.Join(other, name), []byte(content), 0o644))
	}
	assert.True(t, !isClone(other), "another module with drivers is no clone")
}
