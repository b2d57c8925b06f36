package services_test

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func (s *users) NameTaken(_ context.Context, name string) (bool, error) {
	return slices.ContainsFunc(s.list, func(u models.User) bool { return u.Name == name }), s.err
}

func (s *users) CreateUser(_ context.Context, u models.User, link []byte) (models.User, error) {
	if link != nil {
		l, err := s.spend(models.SignUpLink, link, u.CreatedAt)
		if err != nil {
			return u, err
		}
		u.Email = l.Email
	} else if len(s.list) > 0 {
		return u, services.ErrNotFirst
	}
	if len(s.list) == 0 {
		u.Role = models.Admin
	}
	s.list = append(s.list, u)
	return u, s.err
}

func (s *users) AddLinks(_ context.Context, links ...models.Link) error {
	s.links = append(s.links, links...)
	return s.err
}

func (s *users) Link(_ context.Context, purpose models.Purpose, hash []byte, now time.Time) (models.Link, error) {
	i := slices.IndexFunc(s.links, func(l models.Link) bool {
		return l.Purpose == purpose && bytes.Equal(l.Hash, hash) && l.ExpiresAt.After(now)
	})
	if s.err != nil || i < 0 {
		return models.Link{}, cmp.Or(s.err, services.ErrNotFound)
	}
	return s.links[i], nil
}

func (s *users) spend(purpose models.Purpose, hash []byte, now time.Time) (models.Link, error) {
	l, err := s.Link(context.Background(), purpose, hash, now)
	if err == nil {
		s.links = slices.DeleteFunc(s.links, func(l models.Link) bool { return bytes.Equal(l.Hash, hash) })
	}
	return l, err
}

func (s *users) UpdateUserByLink(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time, change func(*models.User) error) (models.User, error) {
	l, err := s.spend(purpose, hash, now)
	if err != nil {
		return models.User{}, err
	}
	return s.UpdateUser(ctx, l.UserID, change)
}

func (s *users) ChangeEmail(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time, allow bool) (models.User, bool, error) {
	l, err := s.spend(purpose, hash, now)
	if err != nil {
		return models.User{}, false, err
	}
	others := len(s.links)
	s.links = slices.DeleteFunc(s.links, func(o models.Link) bool { return !allow && o.UserID == l.UserID })
	if !allow || others > 0 {
		u, err := s.User(ctx, l.UserID)
		return u, false, err
	}
	u, err := s.UpdateUser(ctx, l.UserID, func(u *models.User) error { u.Email = l.Email; return nil })
	return u, true, err
}
