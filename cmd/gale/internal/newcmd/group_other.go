//go:build !unix

package newcmd

import "os/exec"

// ownGroup does nothing: Ctrl-C reaches cmd, and no other signal can.
func ownGroup(*exec.Cmd) {}
