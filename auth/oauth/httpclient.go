package oauth

import (
	"errors"
	"io"
	"net/http"
)

// maxAnswer is what is read of a provider's answer, in bytes: ten times the
// largest key set seen.
const maxAnswer = 1 << 20

var errTooLong = errors.New("oauth: the provider's answer is too long")

// newHTTPClient returns the client for providers.
func newHTTPClient(o Options) *http.Client {
	rt := o.Transport
	if rt == nil {
		// A sign-in is rare; a connection that idles between two would need
		// somebody to close it.
		rt = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
			TLSHandshakeTimeout: o.Timeout, ResponseHeaderTimeout: o.Timeout, ForceAttemptHTTP2: true,
		}
	}
	return &http.Client{
		Transport: bounded{rt},
		Timeout:   o.Timeout,
		// A redirect would take the code, the secret or a token elsewhere. The
		// 3xx is an error to whoever reads the answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded fails answers that are too long.
type bounded struct{ rt http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.rt.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{body: resp.Body, left: maxAnswer}
	return resp, nil
}

type boundedBody struct {
	body io.ReadCloser
	left int
}

// Read implements [io.Reader].
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.body.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Close implements [io.Closer].
func (b *boundedBody) Close() error { return b.body.Close() }
