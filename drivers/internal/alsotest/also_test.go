package alsotest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/auth/recovery"
	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

func TestMain(m *testing.M) { galetest.Main(m) }

func onEach(t *testing.T, schema string, body func(t *testing.T, d *db.DB)) {
	for _, driver := range []db.Driver{galesqlite.Driver(), galepgx.Driver()} {
		t.Run(driver.Schemes()[0], func(t *testing.T) {
			t.Parallel()
			d := galetest.DB(t, galetest.DBOptions{Driver: driver})
			_, err := d.Exec(t.Context(), schema)
			assert.NoError(t, err)
			body(t, d)
		})
	}
}

// change is one of a store. It is made by way of what a caller may do twice.
type change[S any] func(ctx context.Context, s S) error

// all makes each change on a database of its own, with what prepare has stored.
func all[S any](t *testing.T, name, schema string, open func(*db.DB) S, prepare func(context.Context, S) error, changes map[string]change[S]) {
	for what, change := range changes {
		t.Run(name+"/"+what, func(t *testing.T) {
			onEach(t, schema, func(t *testing.T, d *db.DB) {
				s := open(d)
				assert.NoError(t, prepare(t.Context(), s))
				galetest.Also(t, d, func(ctx context.Context) error { return change(ctx, s) })
			})
		})
	}
}

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func TestEveryChangeIsStoredWithItsRecordOrNotAtAll(t *testing.T) {
	t.Parallel()
	t.Run("session", sessions)
	t.Run("roles", roleStore)
	t.Run("factors", factors)
	t.Run("links", links)
	t.Run("refresh", refresh)
	t.Run("oidc", oidc)
}

func sessions(t *testing.T) {
	t.Parallel()
	record := func(n byte) session.Record {
		return session.Record{
			Hash: session.Hash{n}, ID: fmt.Sprint("id", n), User: "ada", Created: now, Seen: now, Expires: now.Add(time.Hour),
		}
	}
	all(t, "session", session.Schema, session.NewSQLStore,
		func(ctx context.Context, s *session.SQLStore) error {
			return errors.Join(s.Save(ctx, session.Hash{1}, record(1)), s.Save(ctx, session.Hash{2}, record(2)))
		},
		map[string]change[*session.SQLStore]{
			"Begin": func(ctx context.Context, s *session.SQLStore) error { return s.Save(ctx, session.Hash{3}, record(3)) },
			"Change": func(ctx context.Context, s *session.SQLStore) error {
				r := record(1)
				r.Version, r.Data = 1, []byte("x")
				return s.Save(ctx, r.Hash, r)
			},
			"Rename": func(ctx context.Context, s *session.SQLStore) error {
				r := record(1)
				r.Version, r.Hash = 1, session.Hash{9}
				return s.Save(ctx, session.Hash{1}, r)
			},
			"Delete": func(ctx context.Context, s *session.SQLStore) error { return s.Delete(ctx, session.Hash{1}) },
			"DeleteOne": func(ctx context.Context, s *session.SQLStore) error {
				_, err := s.DeleteByUser(ctx, "ada", "id1", "")
				return err
			},
			"DeleteOthers": func(ctx context.Context, s *session.SQLStore) error {
				_, err := s.DeleteByUser(ctx, "ada", "", "id1")
				return err
			},
			"DeleteAll": func(ctx context.Context, s *session.SQLStore) error {
				_, err := s.DeleteByUser(ctx, "ada", "", "")
				return err
			},
		})
}

func roleStore(t *testing.T) {
	t.Parallel()
	all(t, "roles", roles.Schema, roles.NewSQLStore,
		func(ctx context.Context, s *roles.SQLStore) error {
			return s.Save(ctx, 0, "operator", []string{"packets.send"})
		},
		map[string]change[*roles.SQLStore]{
			"Create": func(ctx context.Context, s *roles.SQLStore) error { return s.Save(ctx, 1, "viewer", nil) },
			"Change": func(ctx context.Context, s *roles.SQLStore) error { return s.Save(ctx, 1, "operator", []string{"*"}) },
			"Delete": func(ctx context.Context, s *roles.SQLStore) error { return s.Delete(ctx, 1, "operator") },
		})
}

func factors(t *testing.T) {
	t.Parallel()
	yes := func(ok bool, err error) error {
		if err == nil && !ok {
			err = errors.New("nothing was changed")
		}
		return err
	}
	app := func(id string) totp.Record {
		return totp.Record{ID: id, User: "ada", Name: "phone", Sealed: []byte{0}, Created: now}
	}
	all(t, "totp", totp.Schema, totp.NewSQLStore,
		func(ctx context.Context, s *totp.SQLStore) error {
			confirmed := s.Add(ctx, app("a"), 5)
			_, err := s.Confirm(ctx, "ada", "a", 1, now)
			return errors.Join(confirmed, err, s.Add(ctx, app("b"), 5))
		},
		map[string]change[*totp.SQLStore]{
			"Add":     func(ctx context.Context, s *totp.SQLStore) error { return s.Add(ctx, app("c"), 5) },
			"Confirm": func(ctx context.Context, s *totp.SQLStore) error { return yes(s.Confirm(ctx, "ada", "b", 2, now)) },
			"Advance": func(ctx context.Context, s *totp.SQLStore) error { return yes(s.Advance(ctx, "ada", "a", 2, now)) },
			"Delete":  func(ctx context.Context, s *totp.SQLStore) error { return yes(s.Delete(ctx, "ada", "a")) },
		})
	key := func(id string) passkey.Credential {
		return passkey.Credential{ID: id, UserID: "ada", UserHandle: []byte{1}, Name: "laptop", PublicKey: []byte{2}, Created: now}
	}
	all(t, "passkey", passkey.Schema, passkey.NewSQLStore,
		func(ctx context.Context, s *passkey.SQLStore) error { return s.Create(ctx, key("a")) },
		map[string]change[*passkey.SQLStore]{
			"Create": func(ctx context.Context, s *passkey.SQLStore) error { return s.Create(ctx, key("b")) },
			"Update": func(ctx context.Context, s *passkey.SQLStore) error {
				c := key("a")
				c.Version, c.Name = 1, "phone"
				return s.Update(ctx, c)
			},
			"Delete": func(ctx context.Context, s *passkey.SQLStore) error { return s.Delete(ctx, "ada", "a") },
		})
	all(t, "recovery", recovery.Schema, recovery.NewSQLStore,
		func(ctx context.Context, s *recovery.SQLStore) error {
			return s.Replace(ctx, "ada", [][]byte{{1}, {2}, {3}}, now)
		},
		map[string]change[*recovery.SQLStore]{
			"Replace": func(ctx context.Context, s *recovery.SQLStore) error {
				return s.Replace(ctx, "ada", [][]byte{{4}, {5}}, now)
			},
			"Remove": func(ctx context.Context, s *recovery.SQLStore) error { return s.Replace(ctx, "ada", nil, now) },
			"Use":    func(ctx context.Context, s *recovery.SQLStore) error { return yes(s.Use(ctx, "ada", [][]byte{{2}})) },
		})
}

func links(t *testing.T) {
	t.Parallel()
	link := func(subject string) oauth.Record {
		return oauth.NewRecord("ada", oauth.Identity{Issuer: "https://idp.test", Subject: subject, Provider: "idp"}, now)
	}
	all(t, "oauth", oauth.Schema, oauth.NewSQLStore,
		func(ctx context.Context, s *oauth.SQLStore) error {
			return errors.Join(s.Add(ctx, link("1")), s.Add(ctx, link("2")))
		},
		map[string]change[*oauth.SQLStore]{
			"Add": func(ctx context.Context, s *oauth.SQLStore) error { return s.Add(ctx, link("3")) },
			"Touch": func(ctx context.Context, s *oauth.SQLStore) error {
				return s.Touch(ctx, "https://idp.test", "1", now.Add(1e9))
			},
			"Remove": func(ctx context.Context, s *oauth.SQLStore) error {
				return s.Remove(ctx, "ada", "https://idp.test", "1", true)
			},
			"RemoveUser": func(ctx context.Context, s *oauth.SQLStore) error { return s.RemoveUser(ctx, "ada") },
		})
}

func refresh(t *testing.T) {
	t.Parallel()
	grant := func(n byte) token.RefreshRecord {
		return token.RefreshRecord{
			Grant:  token.Grant{ID: fmt.Sprint("g", n), User: "ada", ClientID: "app", Created: now, Seen: now, Expires: now.Add(time.Hour)},
			Lookup: token.Hash{n}, Current: token.Hash{n},
		}
	}
	all(t, "refresh", token.Schema, token.NewSQLStore,
		func(ctx context.Context, s *token.SQLStore) error { return s.Save(ctx, grant(1)) },
		map[string]change[*token.SQLStore]{
			"Begin": func(ctx context.Context, s *token.SQLStore) error { return s.Save(ctx, grant(2)) },
			"Rotate": func(ctx context.Context, s *token.SQLStore) error {
				r := grant(1)
				r.Version, r.Current, r.Previous = 1, token.Hash{9}, token.Hash{1}
				return s.Save(ctx, r)
			},
			"Delete": func(ctx context.Context, s *token.SQLStore) error { return s.Delete(ctx, token.Hash{1}) },
		})
}

func oidc(t *testing.T) {
	t.Parallel()
	client := galeoidc.Client{ID: "app", Name: "App", RedirectURIs: []string{"https://app.test/cb"}, Scopes: []string{"packets.read"}}
	all(t, "oidc", galeoidc.Schema+oidcGrant, galeoidc.NewStore,
		func(ctx context.Context, s *galeoidc.Store) error {
			off := client
			off.ID = "off"
			_, _, err := s.CreateClient(ctx, off)
			if err == nil {
				err = s.DisableClient(ctx, off.ID)
			}
			if err == nil {
				_, _, err = s.CreateClient(ctx, client)
			}
			return err
		},
		map[string]change[*galeoidc.Store]{
			"CreateClient": func(ctx context.Context, s *galeoidc.Store) error {
				c := client
				c.ID = "other"
				_, _, err := s.CreateClient(ctx, c)
				return err
			},
			"UpdateClient": func(ctx context.Context, s *galeoidc.Store) error {
				seen, err := s.Client(ctx, "app")
				if err != nil {
					return err
				}
				c := seen
				c.Name = "Other"
				_, err = s.UpdateClient(ctx, seen, c)
				return err
			},
			"GrantTypes": func(ctx context.Context, s *galeoidc.Store) error {
				seen, err := s.Client(ctx, "app")
				if err != nil {
					return err
				}
				c := seen
				c.GrantTypes = []string{galeoidc.ClientCredentials}
				_, err = s.UpdateClient(ctx, seen, c)
				return err
			},
			"RotateSecret": func(ctx context.Context, s *galeoidc.Store) error {
				_, err := s.RotateSecret(ctx, "app", time.Hour)
				return err
			},
			"DisableClient": func(ctx context.Context, s *galeoidc.Store) error { return s.DisableClient(ctx, "app") },
			"EnableClient":  func(ctx context.Context, s *galeoidc.Store) error { return s.EnableClient(ctx, "off") },
			"DeleteClient":  func(ctx context.Context, s *galeoidc.Store) error { return s.DeleteClient(ctx, "app") },
			"RevokeGrant":   func(ctx context.Context, s *galeoidc.Store) error { return s.RevokeGrant(ctx, "ada", "app") },
			"RevokeUser":    func(ctx context.Context, s *galeoidc.Store) error { return s.RevokeUser(ctx, "ada") },
		})
}

// oidcGrant is what an approval leaves, with a code that was not used yet and
// another's tokens, so that a change that takes it back has every table to change.
const oidcGrant = `
INSERT INTO oauth_grants (user_id, client_id, scopes, created_at, used_at) VALUES ('ada', 'app', 'packets.read', 1, 1);
INSERT INTO oauth_codes (hash, family_id, client_id, user_id, redirect_uri, scopes, nonce, challenge, auth_time, expires_at, used_at)
	VALUES ('c', 'f1', 'app', 'ada', 'https://app.test/cb', 'packets.read', '', '', 1, 9, 0);
INSERT INTO oauth_families (id, client_id, user_id, scopes, auth_time, expires_at, revoked_at) VALUES ('f2', 'app', 'ada', 'packets.read', 1, 9, 0);
INSERT INTO oauth_refresh (hash, family_id, expires_at, spent_at) VALUES ('r', 'f2', 9, 0);
`
