//go:build unix

package secretcmd

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives the file the owner and group in info: root may rotate the
// keys of a service that runs as somebody else.
func keepOwner(file *os.File, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return file.Chown(int(stat.Uid), int(stat.Gid))
}
