package session

import (
	"context"
	"fmt"
	"time"
)

// Info is what a user may see of a session.
type Info struct {
	// ID is for [Manager.Revoke]; it opens nothing.
	ID string
	// Created is the moment of sign-in; Seen that of the last use, give or
	// take [Options].TouchEvery; Expires when it ends unless it is used.
	Created, Seen, Expires time.Time
	// UserAgent and Addr are those of the last use. Both are what the client
	// claims: show them as text.
	UserAgent, Addr string
	// Current marks the session of the request that asks.
	Current bool
}

// List returns the sessions of user that are open, the last used first.
func (m *Manager) List(ctx context.Context, user string) ([]Info, error) {
	recs, err := m.byUser(ctx, user)
	if err != nil {
		return nil, err
	}
	var current string
	if s, ok := sessionKey.Value(ctx); ok {
		s.load(ctx)
		current = s.ID()
	}
	now := m.now()
	var infos []Info
	for _, r := range recs {
		if expires := m.expires(&r); now.Before(expires) {
			infos = append(infos, Info{r.ID, r.Created, r.Seen, expires, r.UserAgent, r.Addr, r.ID == current})
		}
	}
	return infos, nil
}

// Revoke ends the session of user that is called id. It returns [ErrNotFound]
// when user has no such session, so that nobody can end another's.
func (m *Manager) Revoke(ctx context.Context, user, id string) error {
	recs, err := m.byUser(ctx, user)
	if err != nil {
		return err
	}
	found := false
	for _, r := range recs {
		if r.ID != id {
			continue
		}
		found = true // and on: a Renew that failed half-way leaves two
		if err := m.end(ctx, r); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("session: revoke: %w", ErrNotFound)
	}
	return nil
}

// RevokeAll ends every session of user except the one called except, which may
// be "": after a changed password the session that changed it stays.
func (m *Manager) RevokeAll(ctx context.Context, user, except string) error {
	recs, err := m.byUser(ctx, user)
	if err != nil {
		return err
	}
	for _, r := range recs {
		if r.ID == except && except != "" {
			continue
		}
		if err := m.end(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) byUser(ctx context.Context, user string) ([]Record, error) {
	if user == "" {
		return nil, nil // anonymous sessions are nobody's
	}
	recs, err := m.o.Store.ByUser(ctx, user)
	if err != nil {
		return nil, unavailable(fmt.Errorf("session: list: %w", err))
	}
	return recs, nil
}

func (m *Manager) end(ctx context.Context, r Record) error {
	if err := m.o.Store.Delete(ctx, r.Hash); err != nil {
		return unavailable(fmt.Errorf("session: revoke: %w", err))
	}
	m.ended(ctx, r)
	return nil
}

// ended tells that r is over before its time.
func (m *Manager) ended(ctx context.Context, r Record) {
	if m.o.Ended != nil && r.User != "" {
		m.o.Ended(ctx, r.User, r.ID)
	}
}
