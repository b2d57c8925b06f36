package oauth

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// AEAD encrypts the state that a browser keeps; a keyring.AEAD is one. It is
// safe for concurrent use.
type AEAD interface {
	Seal(plaintext, associated []byte) ([]byte, error)
	Open(sealed, associated []byte) ([]byte, error)
}

// Options configure a [Client].
type Options struct {
	// Providers are those that people may come from. Required.
	Providers []Provider
	// BaseURL is where browsers find this application, such as
	// "https://app.example.com", with a path if it is below one. The request's
	// Host is not asked, since clients choose it. Required.
	BaseURL string
	// CallbackPath is where providers send people back to, below BaseURL, with
	// {provider} for the name. What results is registered at the provider.
	// Defaults to "/login/{provider}/callback".
	CallbackPath string
	// AEAD encrypts the state, under a key for nothing else. Required.
	AEAD AEAD
	// Done is called with everybody who comes back, once everything was
	// checked. It signs in, links, or asks to sign up, and answers. Required.
	Done func(w http.ResponseWriter, r *http.Request, res Result) error
	// User returns who is signed in here, "" for nobody, and when they last
	// proved to be who they are. Required for [Link] and [StepUp].
	User func(ctx context.Context) (id string, since time.Time)
	// Recent is how long ago that may be for a Link. Defaults to 10 minutes.
	Recent time.Duration
	// Timeout is for each request to a provider. Defaults to 10 s; discovery
	// makes up to three within as much.
	Timeout time.Duration
	// Transport makes the requests to providers. Defaults to a transport of its
	// own, which keeps no connections open and obeys the environment's proxy.
	Transport http.RoundTripper
	// Insecure allows plain HTTP for BaseURL and providers, and drops Secure
	// and the "__Host-" rule from the cookie, as in session.Options. For
	// development only.
	Insecure bool
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Client sends people to providers and takes them back. It is safe for
// concurrent use.
type Client struct {
	o         Options
	base      string // without the slash at its end
	cookie    string
	providers map[string]*provider
	http      *http.Client
	spent     spent
}

// provider is a Provider in use.
type provider struct {
	Provider
	redirect  string // redirect_uri
	discovery discovery
	tenants   tenantKeys // of Microsoft
}

// New returns a Client. It panics when an option is missing or makes no sense,
// and asks no provider anything.
func New(o Options) *Client {
	switch {
	case o.AEAD == nil:
		panic("oauth: Options.AEAD is missing; pass a keyring's, for this purpose alone")
	case o.Done == nil:
		panic("oauth: Options.Done is missing; give the function that signs people in")
	case len(o.Providers) == 0:
		panic("oauth: Options.Providers is empty; add one")
	case !secureURL(o.BaseURL, o.Insecure):
		panic("oauth: Options.BaseURL must be https://HOST, without a query; http only with Insecure")
	case o.Recent < 0 || o.Timeout < 0:
		panic("oauth: Options.Recent or Timeout is negative; leave it 0 for the default")
	}
	o.CallbackPath = cmp.Or(o.CallbackPath, "/login/{provider}/callback")
	if !strings.HasPrefix(o.CallbackPath, "/") || strings.Count(o.CallbackPath, "{provider}") != 1 {
		// One address for two providers would let one answer for the other.
		panic(`oauth: Options.CallbackPath must begin with "/" and contain {provider} once`)
	}
	o.Recent = cmp.Or(o.Recent, 10*time.Minute)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	c := &Client{
		o: o, base: strings.TrimSuffix(o.BaseURL, "/"), cookie: "__Host-oauth",
		providers: map[string]*provider{}, http: newHTTPClient(o),
		spent: spent{all: map[string]time.Time{}},
	}
	if o.Insecure {
		c.cookie = "oauth"
	}
	for _, p := range o.Providers {
		p.check(o.Insecure)
		if c.providers[p.Name] != nil {
			panic("oauth: two providers are called " + p.Name + "; names are unique")
		}
		c.providers[p.Name] = &provider{
			Provider: p, redirect: c.base + c.path(p.Name),
			discovery: newDiscovery(), tenants: newTenantKeys(),
		}
	}
	return c
}

func (c *Client) path(name string) string {
	return strings.Replace(c.o.CallbackPath, "{provider}", name, 1)
}

// Providers returns those of Options, in that order, for buttons.
func (c *Client) Providers() []Provider {
	var all []Provider
	for _, p := range c.o.Providers {
		all = append(all, c.providers[p.Name].Provider)
	}
	return all
}

// CallbackPath returns the path at which [Client.Callback] of a provider must be
// routed. It panics for a name that no provider has.
func (c *Client) CallbackPath(name string) string { return c.path(c.named(name).Name) }

func (c *Client) named(name string) *provider {
	p := c.providers[name]
	if p == nil {
		var names []string
		for n := range c.providers {
			names = append(names, n)
		}
		slices.Sort(names)
		panic(fmt.Sprintf("oauth: no provider is called %q; there are %s", name, strings.Join(names, ", ")))
	}
	return p
}

// ofThisSite reports whether a page of this site, or the user's own hand, made
// the browser send r. It is stricter than middleware.CrossOrigin, which lets
// every GET pass: what other sites may not do here is begin a trip.
func (c *Client) ofThisSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	// A browser older than 2023, or plain HTTP. It sends Origin with a POST, and
	// Referer unless the page forbids it; then there is nothing to go by.
	from := cmp.Or(r.Header.Get("Origin"), r.Header.Get("Referer"))
	u, err := url.Parse(from)
	base, baseErr := url.Parse(c.base)
	return err == nil && baseErr == nil && u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host)
}
