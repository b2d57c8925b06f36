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
	if id == "" || id != clip(id, len(id)) { // or what no database can be asked for
		return fmt.Errorf("session: revoke: %w", ErrNotFound)
	}
	gone, err := m.end(ctx, user, id, "")
	if err == nil && len(gone) == 0 {
		err = fmt.Errorf("session: revoke: %w", ErrNotFound)
	}
	return err
}

// RevokeAll ends every session of user except the one called except, which may
// be "": after a changed password the session that changed it stays. All end at
// once; one that is given a new token meanwhile ends with them. Call it after the
// change, and then [Session.Renew] for the one that stays: a copy of its token ends
// with that, or, when Renew returns [ErrNotFound], has been renewed first by whoever
// holds it. Call RevokeAll once more then, with no exception.
func (m *Manager) RevokeAll(ctx context.Context, user, except string) error {
	_, err := m.end(ctx, user, "", except)
	return err
}

// Open reports whether the session of user that is called id is still open, for
// what it has opened besides requests.
func (m *Manager) Open(ctx context.Context, user, id string) (bool, error) {
	end, err := m.Expires(ctx, user, id)
	return m.now().Before(end), err
}

// Expires returns when the session of user that is called id ends unless it is
// used, which may have passed; the zero time when there is no such session. What a
// session has opened besides requests, such as a WebSocket, ends with it when
// whoever holds that asks again at the time that was returned.
func (m *Manager) Expires(ctx context.Context, user, id string) (time.Time, error) {
	recs, err := m.byUser(ctx, user)
	for _, r := range recs {
		if r.ID == id {
			return m.expires(&r), nil
		}
	}
	return time.Time{}, err
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

// end ends sessions of user before their time, as Store.DeleteByUser does.
func (m *Manager) end(ctx context.Context, user, only, except string) ([]Record, error) {
	if user == "" {
		return nil, nil // anonymous sessions are nobody's
	}
	gone, err := m.o.Store.DeleteByUser(ctx, user, only, except)
	if err != nil {
		return nil, unavailable(fmt.Errorf("session: revoke: %w", err))
	}
	m.ended(ctx, user, gone...)
	return gone, nil
}

// ended tells that sessions of user are over before their time.
func (m *Manager) ended(ctx context.Context, user string, recs ...Record) {
	if m.o.Ended == nil || user == "" {
		return
	}
	for _, r := range recs {
		m.o.Ended(ctx, user, r.ID)
	}
}

// drop ends r, of whoever it is.
func (m *Manager) drop(ctx context.Context, r *Record) error {
	if r.User == "" {
		return m.o.Store.Delete(ctx, r.Hash)
	}
	// Not by its hash: another request may just have replaced that.
	_, err := m.o.Store.DeleteByUser(ctx, r.User, r.ID, "")
	return err
}

// crowd ends the sessions of user that were last used longest ago, where there
// are more than Options.MaxPerUser.
func (m *Manager) crowd(ctx context.Context, user string) error {
	recs, err := m.byUser(ctx, user)
	for _, r := range recs[min(len(recs), m.o.MaxPerUser):] {
		if _, err := m.end(ctx, user, r.ID, ""); err != nil {
			return err
		}
	}
	return err
}
