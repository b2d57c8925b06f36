package session

import (
	"context"
	"sync"
)

// InBrowsers returns the store as browsers use it that keep each session's
// cookie.
func (c *CookieStore) InBrowsers() Store {
	return &browsers{CookieStore: c, cookies: map[Hash]string{}}
}

type browsers struct {
	*CookieStore
	mu      sync.Mutex
	cookies map[Hash]string
}

func (b *browsers) Load(ctx context.Context, h Hash) (Record, error) {
	b.mu.Lock()
	cookie := &sealedCookie{in: b.cookies[h]}
	b.mu.Unlock()
	return b.CookieStore.Load(sealedKey.With(ctx, cookie), h)
}

func (b *browsers) Save(ctx context.Context, was Hash, r Record) error {
	cookie := &sealedCookie{}
	err := b.CookieStore.Save(sealedKey.With(ctx, cookie), was, r)
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.cookies[r.Hash] = cookie.out
	}
	return err
}
