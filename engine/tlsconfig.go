package engine

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// tlsConfig returns the configuration for ServeTLS.
func (s *Server) tlsConfig(certFile, keyFile string) (*tls.Config, error) {
	config := s.TLSConfig.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS12
	}
	config.NextProtos = slices.Clone(config.NextProtos)
	for _, proto := range []string{"h2", "http/1.1"} {
		if !slices.Contains(config.NextProtos, proto) {
			config.NextProtos = append(config.NextProtos, proto)
		}
	}
	has := len(config.Certificates) > 0 || config.GetCertificate != nil || config.GetConfigForClient != nil
	if has && certFile == "" && keyFile == "" {
		return config, nil
	}
	files := &certFiles{cert: certFile, key: keyFile, log: s.log(), now: time.Now}
	if err := files.load(); err != nil {
		return nil, fmt.Errorf("engine: certificate: %w", err)
	}
	config.Certificates, config.GetCertificate = nil, files.get
	return config, nil
}

// certLook is how often the files are looked at, at most.
const certLook = 10 * time.Second

// certFiles is a certificate that is read again when its files have changed, so
// that it can be renewed without a restart.
type certFiles struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu     sync.Mutex
	loaded *tls.Certificate
	seen   [2]fs.FileInfo // of the files that were read last, well or not
	looked time.Time
}

// get is for tls.Config.GetCertificate. While new files are unreadable, or do
// not belong together yet, the old certificate stays in use.
func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.looked) >= certLook {
		f.looked = now
		if infos := f.infos(); !same(infos, f.seen) {
			if err := f.read(infos); err != nil {
				f.log.Warn("engine: the new certificate cannot be used; the old one stays", "cert", f.cert, "key", f.key, "err", err)
			}
		}
	}
	return f.loaded, nil
}

func (f *certFiles) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = f.now()
	return f.read(f.infos())
}

// read reads the files, which were seen as infos before: what changes while they
// are read is read the next time.
func (f *certFiles) read(infos [2]fs.FileInfo) error {
	f.seen = infos
	cert, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.loaded = &cert
	return nil
}

// infos looks at the files; nil stands for one that is not there.
func (f *certFiles) infos() (infos [2]fs.FileInfo) {
	for i, name := range []string{f.cert, f.key} {
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
