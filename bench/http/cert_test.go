package main

import (
	"crypto/tls"
	"testing"
)

func TestWriteCert(t *testing.T) {
	t.Parallel()
	cert, key, err := writeCert(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Error(err)
	}
	if _, _, err := writeCert("no/such/folder"); err == nil {
		t.Error("written into a folder that is not there")
	}
}
