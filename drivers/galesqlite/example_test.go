package galesqlite_test

import (
	"context"
	"fmt"
	"log"
	"testing/fstest"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/db/migrate"
	"github.com/galeweb/gale/drivers/galesqlite"
)

func Example() {
	ctx := context.Background()
	d, err := db.Open(ctx, "sqlite::memory:", db.Options{Drivers: []db.Driver{galesqlite.Driver()}})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	// In a program: //go:embed migrations
	files := fstest.MapFS{"migrations/00001_boats.sql": {Data: []byte(`-- +goose Up
CREATE TABLE boats (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, length REAL);
`)}}
	m, err := migrate.New(d, files, migrate.Options{})
	if err != nil {
		log.Fatal(err)
	}
	plan, err := m.Plan(ctx)
	fmt.Println(len(plan), "to apply:", plan[0].Name, err)
	if _, err := m.Up(ctx); err != nil {
		log.Fatal(err)
	}

	id, err := db.Get[int64](ctx, d.Writer(), "INSERT INTO boats (name, length) VALUES ($1, $2) RETURNING id", "Bora", 9.5)
	fmt.Println("stored", id, err)

	type boat struct {
		ID     int64
		Name   string
		Length *float64 // may be NULL
	}
	for b, err := range db.Each[boat](ctx, d, "SELECT id, name, length FROM boats WHERE length > $1", 5) {
		fmt.Println(b.ID, b.Name, *b.Length, err)
	}
	err = d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO boats (name) VALUES ($1)", "Bora")
		return err
	})
	fmt.Println(err)
	// Output:
	// 1 to apply: 00001_boats.sql <nil>
	// stored 1 <nil>
	// 1 Bora 9.5 <nil>
	// db: unique constraint violated on boats (name)
}
