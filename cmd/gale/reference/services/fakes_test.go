package services_test

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("CET", 3600))

func clock() time.Time { return now }

// wantInvalid fails unless err says that exactly these fields are wrong.
func wantInvalid(t testing.TB, err error, fields ...string) {
	t.Helper()
	var got []string
	invalid, _ := errors.AsType[services.Invalid](err)
	for _, f := range invalid {
		got = append(got, f.Field)
	}
	if !slices.Equal(got, fields) {
		t.Fatalf("error is %v, want Invalid for %v", err, fields)
	}
}

// users keeps users and links in memory, for everything that Accounts does.
type users struct {
	services.RemovalStore // what is not faked
	services.InviteStore

	list  []models.User
	links []models.Link
	err   error // of every call
}

func (s *users) find(is func(models.User) bool) (*models.User, error) {
	i := slices.IndexFunc(s.list, is)
	if s.err != nil || i < 0 {
		return &models.User{}, cmp.Or(s.err, services.ErrNotFound)
	}
	return &s.list[i], nil
}

func (s *users) User(_ context.Context, id string) (models.User, error) {
	u, err := s.find(func(u models.User) bool { return u.ID == id })
	return *u, err
}

func (s *users) UserByEmail(_ context.Context, email string) (models.User, error) {
	u, err := s.find(func(u models.User) bool { return u.Email == email })
	return *u, err
}

func (s *users) UpdateUser(_ context.Context, id string, change func(*models.User) error) (models.User, error) {
	u, err := s.find(func(u models.User) bool { return u.ID == id })
	if err == nil {
		err = change(u)
	}
	return *u, err
}

func (s *users) Users(_ context.Context, after string, limit int) ([]models.User, error) {
	return s.list[:min(limit, len(s.list))], s.err
}

// keys is a KeyStore in memory.
type keys struct {
	services.KeyStore // what is not faked

	mu      sync.Mutex
	created []models.APIKey
	touched []time.Time
	revoked []string
	err     error
	wait    func(touched int) // is told of each touch
}

func (s *keys) CreateKey(_ context.Context, k models.APIKey, _ int) error {
	s.created = append(s.created, k)
	return s.err
}

func (s *keys) RevokeKey(_ context.Context, userID, id string, at time.Time) error {
	s.revoked = append(s.revoked, userID+" "+id+" "+at.Format(time.RFC3339))
	return s.err
}

func (s *keys) TouchKey(_ context.Context, _ string, at, since time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touched = append(s.touched, at)
	if s.wait != nil {
		s.wait(len(s.touched))
	}
	return s.err
}

// standing is that of users whom nothing happens to.
type standing struct{}

func (standing) Unchanged(ctx context.Context, _ models.User) context.Context { return ctx }

// channels is a ChannelStore in memory.
type channels struct {
	byName map[string]models.Channel
	err    error
}

func (s *channels) CreateChannel(_ context.Context, c models.Channel) (models.Channel, error) {
	c.ID = int64(len(s.byName) + 1)
	return c, s.err
}

func (s *channels) Channel(_ context.Context, name string) (models.Channel, error) {
	c, ok := s.byName[name]
	if !ok {
		return c, services.ErrNotFound
	}
	return c, s.err
}

func (s *channels) Channels(context.Context, bool, string, int) ([]models.Channel, error) {
	return nil, s.err
}

// packets is a PacketStore that keeps what was appended.
type packets struct{ appended [][]models.Draft }

func (s *packets) Append(_ context.Context, _ models.Channel, _ string, drafts []models.Draft) ([]models.Receipt, error) {
	s.appended = append(s.appended, drafts)
	return make([]models.Receipt, len(drafts)), nil
}

func (s *packets) Packets(context.Context, int64, services.Filter, int) ([]models.Packet, bool, error) {
	return nil, false, nil
}

func (s *packets) Export(context.Context, int64, services.Filter) iter.Seq2[models.Packet, error] {
	return func(func(models.Packet, error) bool) {}
}
