// Command server is what bench/accounts asks: one handler, bare and behind each
// of the ways to know who asks.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/bench/internal/question"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	file := flag.String("database", "", "file of the SQLite database")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*addr, *file); err != nil {
		log.Fatal(err)
	}
}

const (
	hello = "Hello, World!"
	write = "posts.write"
)

// user is the one user.
type user struct {
	ID, Name, Role string
	Disabled       bool
}

type site struct {
	db    *db.DB
	users *auth.Auth[user]
	hash  *auth.Hasher
	known string // the hash of the password
	key   apikey.Key
}

func run(addr, file string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, "sqlite:"+file, db.Options{Drivers: []db.Driver{galesqlite.Driver()}})
	if err != nil {
		return err
	}
	defer d.Close()
	schema := session.Schema + `CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, disabled BOOLEAN NOT NULL);
INSERT INTO users VALUES ('u1', 'Ada', 'editor', FALSE);
CREATE TABLE keys (id TEXT PRIMARY KEY, hash BLOB NOT NULL);`
	if _, err := d.Exec(ctx, schema); err != nil {
		return err
	}
	s := &site{db: d, hash: auth.NewHasher(auth.HasherOptions{})}
	if s.known, err = s.hash.Hash(ctx, "correct horse battery staple"); err != nil {
		return err
	}
	h, err := s.handler(ctx)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	go question.Answer(os.Stdin, os.Stdout)
	// Run sets the garbage collector as every service of gale has it.
	return gale.Run(ctx, h, gale.Options{
		Listeners: []net.Listener{l}, OpsAddr: "off", Middleware: []func(http.Handler) http.Handler{}, Logger: slog.New(slog.DiscardHandler),
	})
}

// find reads the user from the database.
func (s *site) find(ctx context.Context, id string) (user, error) {
	u, err := db.Get[user](ctx, s.db, "SELECT id, name, role, disabled FROM users WHERE id = $1", id)
	if errors.Is(err, db.ErrNotFound) {
		return u, auth.ErrNoUser
	}
	return u, err
}

func (s *site) handler(ctx context.Context) (http.Handler, error) {
	ring, err := keyring.Open(ctx, keyring.Options{Source: keyring.Text(keyring.NewSet(time.Now().Add(-time.Hour), keyring.Purposes()...).Text())})
	if err != nil {
		return nil, err
	}
	keys := token.NewRingKeys(token.RingOptions{Ring: ring})
	issuer := token.NewIssuer(token.IssuerOptions{Issuer: "https://bench.test", Keys: keys})
	verifier := token.NewVerifier(token.VerifierOptions{Issuer: "https://bench.test", Audience: "https://bench.test", Keys: keys})
	if s.key, err = apikey.New("bench"); err != nil {
		return nil, err
	}
	if _, err := s.db.Exec(ctx, "INSERT INTO keys VALUES ($1, $2)", s.key.ID, s.key.Hash); err != nil {
		return nil, err
	}
	store := session.NewCachedStore(session.CachedOptions{Store: session.NewSQLStore(s.db)})
	s.users = auth.New(auth.Options[user]{
		Sessions: session.New(session.Options{Store: store}),
		Find:     s.find, FindAge: time.Second,
		ID:          func(u user) string { return u.ID },
		Active:      func(u user) bool { return !u.Disabled },
		Roles:       func(u user) []string { return []string{u.Role} },
		Permissions: map[string][]string{"editor": {write}},
		Authenticators: []auth.Authenticator[user]{
			apikey.NewAuthenticator(apikey.Options[user]{Prefix: "bench", FindAge: time.Second, Find: s.findKey}),
			token.NewAuthenticator(token.AuthenticatorOptions[user]{
				Verifiers: []*token.Verifier{verifier},
				Find: func(ctx context.Context, c token.Claims) (user, error) {
					return user{ID: c.Subject, Role: "editor"}, nil
				},
			}),
		},
	})
	jwt, err := issuer.Issue(token.Access{Subject: "u1", ClientID: "bench", Audience: []string{"https://bench.test"}})
	if err != nil {
		return nil, err
	}
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = []string{"text/plain; charset=utf-8"}, []string{strconv.Itoa(len(hello))}
		_, _ = w.Write([]byte(hello))
	})
	guarded := s.users.Identify(s.users.Require(write)(bare))
	mux := http.NewServeMux()
	mux.Handle("/bare", bare)
	mux.Handle("/session", middleware.CrossOrigin(middleware.CrossOriginOptions{})(guarded))
	mux.Handle("/credential", guarded)
	mux.Handle("/hash", web.HandlerFunc(s.hashOne))
	mux.Handle("/in", s.users.Identify(web.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return s.users.SignIn(r.Context(), user{ID: "u1"})
	})))
	mux.HandleFunc("/credentials", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%s %s", s.key.Plain, jwt.Token)
	})
	return mux, nil
}

func (s *site) findKey(ctx context.Context, id string) (apikey.Record, user, error) {
	hash, err := db.Get[[]byte](ctx, s.db, "SELECT hash FROM keys WHERE id = $1", id)
	if errors.Is(err, db.ErrNotFound) {
		return apikey.Record{}, user{}, apikey.ErrNotFound
	}
	if err != nil {
		return apikey.Record{}, user{}, err
	}
	u, err := s.find(ctx, "u1")
	return apikey.Record{Hash: hash}, u, err
}

// hashOne is the work of a sign-in.
func (s *site) hashOne(w http.ResponseWriter, r *http.Request) error {
	ok, _, err := s.hash.Verify(r.Context(), "correct horse battery staple", s.known)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the password is wrong")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(hello)))
	_, err = w.Write([]byte(hello))
	return err
}
