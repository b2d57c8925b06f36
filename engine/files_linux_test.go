package engine

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

const childVar = "GALE_TEST_CHILD"

// child runs the test again in a process of its own, in which it may do what
// would disturb others. It reports whether this is that process.
func child(t *testing.T) bool {
	t.Helper()
	if os.Getenv(childVar) == t.Name() {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), childVar+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}

// allowFiles lets the process open files, or not.
func allowFiles(t *testing.T, allow bool) {
	t.Helper()
	var limit syscall.Rlimit
	assert.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = 3 // those are taken
	if allow {
		limit.Cur = limit.Max
	}
	assert.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}

// A connection that cannot be hijacked stays what it is: its descriptor must not
// be written to once it may be another's.
func TestHijackWithoutFiles(t *testing.T) {
	t.Parallel()
	if !child(t) {
		return
	}
	addr := startNative(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		allowFiles(t, false)
		_, _, err := http.NewResponseController(w).Hijack()
		allowFiles(t, true)
		assert.ErrorIs(t, err, syscall.EMFILE)
		w.WriteHeader(http.StatusTeapot)
	})})
	c := dialTo(t, addr)
	r := bufio.NewReader(c)
	for range 2 {
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		assert.NoError(t, err)
		resp, err := http.ReadResponse(r, nil)
		assert.NoError(t, err)
		assert.Equal(t, resp.StatusCode, http.StatusTeapot)
	}
}
