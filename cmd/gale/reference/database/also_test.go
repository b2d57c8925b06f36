package database_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/auth/recovery"
	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
)

// stores are those whose changes have records in the audit log.
type stores struct {
	*database.Store
	links    *database.LinkedAccounts
	passkeys *passkey.SQLStore
	codes    *recovery.SQLStore
	roles    *roles.SQLStore
}

// Every change and its record in the audit log are stored together or not at all,
// with whatever else the change has done besides.
func TestEveryChangeIsStoredWithItsRecordOrNotAtAll(t *testing.T) {
	const subject, elsewhere = "1", "https://id.example.com"
	role := func(u *models.User) error { u.Role = models.Operator; return nil }
	byLink := func(p models.Purpose) string { return "link to " + string(p) }
	add := func(links ...models.Link) func(context.Context, stores) error {
		return func(ctx context.Context, s stores) error { return s.AddLinks(ctx, links...) }
	}
	join := func(ctx context.Context, s stores, p models.Purpose) error {
		_, err := s.CreateUser(ctx, models.User{ID: "id-eve", Name: "eve", Role: models.Viewer, CreatedAt: start}, []byte(byLink(p)))
		return err
	}
	email := func(ctx context.Context, s stores, allow bool) error {
		_, _, err := s.ChangeEmail(ctx, models.NewEmailLink, []byte(byLink(models.NewEmailLink)), start, allow)
		return err
	}
	invitation := link(models.InviteLink, "", "eve@example.com", byLink(models.InviteLink))
	invitation.Role, invitation.InvitedBy = models.Viewer, "id-ada"
	for name, change := range map[string]func(ctx context.Context, s stores) error{
		"sign-up by link":       func(ctx context.Context, s stores) error { return join(ctx, s, models.SignUpLink) },
		"sign-up by invitation": func(ctx context.Context, s stores) error { return join(ctx, s, models.InviteLink) },
		"sign-up by provider": func(ctx context.Context, s stores) error {
			u, link := joiner("eve", "2")
			_, err := s.CreateLinkedUser(ctx, u, link, false, nil)
			return err
		},
		"user": func(ctx context.Context, s stores) error {
			_, err := s.UpdateUser(ctx, "id-bob", role)
			return err
		},
		"name, address and password": func(ctx context.Context, s stores) error {
			_, err := s.UpdateUser(ctx, "id-bob", func(u *models.User) error {
				at := start.Add(time.Minute)
				u.Name, u.Email, u.PasswordHash, u.PasswordChangedAt, u.Disabled = "rob", "rob@example.com", "other", &at, true
				return nil
			})
			return err
		},
		"reset, with keys": func(ctx context.Context, s stores) error {
			ctx = s.RevokeKeys(ctx, "id-bob", start)
			_, err := s.UpdateUserByLink(ctx, models.ResetLink, []byte(byLink(models.ResetLink)), start, role)
			return err
		},
		"address":         func(ctx context.Context, s stores) error { return email(ctx, s, true) },
		"address refused": func(ctx context.Context, s stores) error { return email(ctx, s, false) },
		"links":           add(link(models.NewEmailLink, "id-bob", "b@example.com", "n"), link(models.OldEmailLink, "id-bob", "b@example.com", "o")),
		"invitation":      add(invitation),
		"invitation revoked": func(ctx context.Context, s stores) error {
			return s.RevokeInvitation(ctx, []byte(byLink(models.InviteLink)), start)
		},
		"deletion": func(ctx context.Context, s stores) error { return s.DeleteUser(ctx, "id-bob", start) },
		"key": func(ctx context.Context, s stores) error {
			return s.CreateKey(ctx, models.APIKey{ID: "k2", UserID: "id-bob", Name: "other", Hash: []byte("2"), CreatedAt: start}, 9)
		},
		"key rotated": func(ctx context.Context, s stores) error {
			return s.RotateKey(ctx, "id-bob", "k1", []byte("3"), start, start)
		},
		"key revoked": func(ctx context.Context, s stores) error { return s.RevokeKey(ctx, "id-bob", "k1", start) },
		"factor of a role": func(ctx context.Context, s stores) error {
			return s.RequireFactor(ctx, models.Operator, true)
		},
		"role": func(ctx context.Context, s stores) error { return s.roles.Save(s.Guard(ctx, ""), 1, "crew", nil) },
		"role deleted": func(ctx context.Context, s stores) error {
			return s.roles.Delete(s.Guard(ctx, "crew"), 1, "crew")
		},
		"last factor, with its codes": func(ctx context.Context, s stores) error {
			ctx = s.KeepFactor(s.EndCodes(ctx, "id-bob"), "id-bob", func(models.User) bool { return false })
			return s.passkeys.Delete(ctx, "id-bob", "AQ")
		},
		"link": func(ctx context.Context, s stores) error { return s.links.Add(ctx, bobs("2")) },
		"link away": func(ctx context.Context, s stores) error {
			return s.links.Remove(s.KeepWay(ctx, "id-bob"), "id-bob", elsewhere, subject, false)
		},
		"channel": func(ctx context.Context, s stores) error {
			_, err := s.CreateChannel(ctx, models.Channel{Name: "lab", OwnerID: "id-bob", CreatedAt: start})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
				ctx := t.Context()
				s := stores{database.New(d, newKeys(t).ring), nil, passkey.NewSQLStore(d), recovery.NewSQLStore(d), roles.NewSQLStore(d)}
				s.links = s.LinkedAccounts()
				newUser(t, s.Store, "ada")
				newUser(t, s.Store, "bob")
				assert.NoError(t, errors.Join(
					s.AddLinks(ctx, link(models.SignUpLink, "", "eve@example.com", byLink(models.SignUpLink)),
						link(models.ResetLink, "id-bob", "bob@example.com", byLink(models.ResetLink)),
						link(models.NewEmailLink, "id-bob", "b@example.com", byLink(models.NewEmailLink)), invitation),
					s.CreateKey(ctx, models.APIKey{ID: "k1", UserID: "id-bob", Name: "probe", Hash: []byte("1"), CreatedAt: start}, 9),
					s.roles.Save(ctx, 0, "crew", []string{"packets.read"}),
					s.RequireFactor(ctx, "crew", true),
					s.passkeys.Create(ctx, passkey.Credential{ID: "AQ", UserID: "id-bob", UserHandle: []byte("h"), PublicKey: []byte("k"), Created: start}),
					s.codes.Replace(ctx, "id-bob", [][]byte{{1}, {2}}, start),
					s.links.Add(ctx, bobs(subject)),
				))
				galetest.Also(t, d, func(ctx context.Context) error { return change(ctx, s) })
			})
		})
	}
}

// bobs is a link of bob's.
func bobs(subject string) oauth.Record {
	_, link := joiner("bob", subject)
	return link
}
