// Package porttest finds ports for servers that tests start.
//
// Nothing in it is for use outside of this module's tests.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Free returns a port of 127.0.0.1 that no connection of anybody's is given by
// chance before the server is there: those have 32768 and up.
func Free(tb testing.TB) string {
	tb.Helper()
	for range 100 {
		port := strconv.Itoa(10_000 + rand.N(22_000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			tb.Fatal(err)
		}
		return port
	}
	tb.Fatal("no port is free")
	return ""
}
