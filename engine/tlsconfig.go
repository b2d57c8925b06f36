package engine

import (
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	"github.com/galeweb/gale/internal/certfile"
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
	files := &certfile.Files{Cert: certFile, Key: keyFile, Log: s.log(), Now: time.Now}
	if err := files.Load(); err != nil {
		return nil, fmt.Errorf("engine: certificate: %w", err)
	}
	config.Certificates, config.GetCertificate = nil, files.Get
	return config, nil
}
