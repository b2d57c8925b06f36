//go:build !linux

package engine

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// native is nothing here: every mode is Std.
type native struct{ away away }

type away struct{}

func newNative(*Server, Mode, context.Context) (*native, error) { panic("unreachable") }

// canServe reports that no listener can be served without net/http.
func canServe(net.Listener) bool { return false }

func (n *native) serve(context.Context, net.Listener, *tls.Config) error { return http.ErrServerClosed }
func (n *native) quiesce()                                               {}
func (n *native) dropIdle()                                              {}
func (n *native) wait(context.Context) error                             { return nil }
func (n *native) close()                                                 {}
func (n *native) stats() Stats                                           { return Stats{} }
func (a *away) running() []Running                                       { return nil }
