//go:build unix

package newcmd

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps Ctrl-C in the terminal from reaching cmd beside the signal
// that the runner sends it: two of them would cut the drain short.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
