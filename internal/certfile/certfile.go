// Package certfile keeps a certificate that is in two files, and follows their
// changes.
package certfile

import (
	"crypto/tls"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Look is how often the files are looked at, at most.
const Look = 10 * time.Second

// Files is a certificate that is read again when its files have changed, so
// that it can be renewed without a restart. Set the exported fields, then Load.
// Get may be called by any goroutine.
type Files struct {
	// Cert and Key are the names of the files, in PEM.
	Cert, Key string
	// Log is told, once for each change, when new files cannot be used.
	Log *slog.Logger
	// Now is the clock: time.Now, but for tests.
	Now func() time.Time

	mu     sync.Mutex
	loaded *tls.Certificate
	seen   [2]fs.FileInfo // of the files that were read last, well or not
	looked time.Time
}

// Get is for tls.Config.GetCertificate. While new files are unreadable, or do
// not belong together yet, the old certificate stays in use.
func (f *Files) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.Now(); now.Sub(f.looked) >= Look {
		f.looked = now
		if infos := f.infos(); !same(infos, f.seen) {
			if err := f.read(infos); err != nil {
				f.Log.Warn("engine: the new certificate cannot be used; the old one stays", "cert", f.Cert, "key", f.Key, "err", err)
			}
		}
	}
	return f.loaded, nil
}

// Load reads the files for the first time.
func (f *Files) Load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = f.Now()
	return f.read(f.infos())
}

// read reads the files, which were seen as infos before: what changes while they
// are read is read the next time.
func (f *Files) read(infos [2]fs.FileInfo) error {
	f.seen = infos
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return err
	}
	f.loaded = &cert
	return nil
}

// infos looks at the files; nil stands for one that is not there.
func (f *Files) infos() (infos [2]fs.FileInfo) {
	for i, name := range []string{f.Cert, f.Key} {
		if info, err := os.Stat(name); err == nil {
			infos[i] = info
		}
	}
	return infos
}

// same reports whether the files are those that were seen before.
func same(a, b [2]fs.FileInfo) bool {
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) {
			return false
		}
		if a[i] != nil && !(a[i].Size() == b[i].Size() && a[i].ModTime().Equal(b[i].ModTime()) && os.SameFile(a[i], b[i])) {
			return false
		}
	}
	return true
}
