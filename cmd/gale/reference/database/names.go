package database

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// NameOwner implements [services.NameStore].
func (s *Store) NameOwner(ctx context.Context, name string) (string, error) {
	if !storable(name) {
		return "", services.ErrNotFound
	}
	id, err := db.Get[string](ctx, s.db, "SELECT user_id FROM user_names WHERE name = $1", name)
	return id, known(err, "user_names")
}

// Names implements [services.NameStore].
func (s *Store) Names(ctx context.Context, ids []string) (map[string]string, error) {
	names := map[string]string{}
	if len(ids) == 0 {
		return names, nil
	}
	var args []any
	for _, id := range ids {
		args = append(args, id)
	}
	rows, err := db.All[struct{ ID, Name string }](ctx, s.db, "SELECT id, name FROM users WHERE deleted_at IS NULL AND id IN ("+placeholders(1, len(ids))+")", args...)
	for _, r := range rows {
		names[r.ID] = r.Name
	}
	return names, err
}
