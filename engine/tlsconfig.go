package engine

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// tlsConfig returns the configuration for ServeTLS.
func (s *Server) tlsConfig(certFile, keyFile string) (*tls.Config, error) {
	config := s.TLSConfig.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	for _, proto := range []string{"h2", "http/1.1"} {
		if !slices.Contains(config.NextProtos, proto) {
			config.NextProtos = append(config.NextProtos, proto)
		}
	}
	has := len(config.Certificates) > 0 || config.GetCertificate != nil || config.GetConfigForClient != nil
	if has && certFile == "" && keyFile == "" {
		return config, nil
	}
	files := &certFiles{cert: certFile, key: keyFile}
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

	mu     sync.Mutex
	loaded *tls.Certificate
	stamp  [2]time.Time
	looked time.Time
}

// get is for tls.Config.GetCertificate. While new files are unreadable, or do
// not belong together yet, the old certificate stays in use.
func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= certLook {
		f.looked = now
		if f.stamps() != f.stamp {
			_ = f.read()
		}
	}
	return f.loaded, nil
}

func (f *certFiles) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = time.Now()
	return f.read()
}

func (f *certFiles) read() error {
	stamp := f.stamps()
	cert, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.loaded, f.stamp = &cert, stamp
	return nil
}

func (f *certFiles) stamps() (at [2]time.Time) {
	for i, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			at[i] = info.ModTime()
		}
	}
	return at
}
