package galesqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
)

const packetTable = "CREATE TABLE packets (id INTEGER PRIMARY KEY, channel INTEGER NOT NULL, at TIMESTAMP NOT NULL, body BLOB NOT NULL)"

func benchDB(b *testing.B) *db.DB {
	d := openURL(b, "sqlite:"+filepath.Join(b.TempDir(), "bench.db"), db.Options{})
	_, err := d.Exec(b.Context(), packetTable)
	assert.NoError(b, err)
	return d
}

// BenchmarkRows is the price of one row of a batch of 500 in one transaction,
// by rows in a statement.
func BenchmarkRows(b *testing.B) {
	const batch = 500
	body := []byte(`{"temperature": 21.5, "humidity": 40, "battery": 3.71, "sequence": 123456}`)
	for _, rows := range []int{1, 10, 50, 100, 250, 500} {
		b.Run(fmt.Sprintf("%d", rows), func(b *testing.B) {
			d := benchDB(b)
			values := make([]string, rows)
			for i := range values {
				values[i] = fmt.Sprintf("($%d, $%d, $%d)", 3*i+1, 3*i+2, 3*i+3)
			}
			statement := "INSERT INTO packets (channel, at, body) VALUES " + strings.Join(values, ", ")
			args := make([]any, 0, 3*rows)
			for i := range rows {
				args = append(args, int64(i), int64(1700000000000000+i), body)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				err := d.Tx(context.Background(), func(ctx context.Context, tx *db.Tx) error {
					for range batch / rows {
						if _, err := tx.Exec(ctx, statement, args...); err != nil {
							return err
						}
					}
					return nil
				})
				assert.NoError(b, err)
				n += batch
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
		})
	}
}

const insertPacket = "INSERT INTO packets (channel, at, body) VALUES ($1, $2, $3)"

// BenchmarkInsert64 is one row from each of 64 goroutines, durable when
// acknowledged.
func BenchmarkInsert64(b *testing.B) {
	b.Run("Exec", func(b *testing.B) {
		d := benchDB(b)
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := d.Exec(b.Context(), insertPacket, 1, 2, "body"); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("Batcher", func(b *testing.B) {
		d := benchDB(b)
		var batches atomic.Int64
		batcher := db.NewBatcher(d, db.BatchOptions{}, func(ctx context.Context, tx *db.Tx, ids []int64) ([]struct{}, error) {
			batches.Add(1)
			for _, id := range ids {
				if _, err := tx.Exec(ctx, insertPacket, id, 2, "body"); err != nil {
					return nil, err
				}
			}
			return make([]struct{}, len(ids)), nil
		})
		done := make(chan error, 1)
		go func() { done <- batcher.Run(context.WithoutCancel(b.Context())) }()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := batcher.Do(b.Context(), 1); err != nil {
					b.Error(err)
				}
			}
		})
		assert.NoError(b, batcher.Close(b.Context()))
		assert.NoError(b, <-done)
		b.ReportMetric(float64(b.N)/float64(batches.Load()), "rows/commit")
	})
}

type packet struct {
	ID, Channel int64
	Body        []byte
}

// BenchmarkPoint reads one row by its key, here and through database/sql with
// a prepared statement.
func BenchmarkPoint(b *testing.B) {
	setup := func(b *testing.B) *db.DB {
		d := benchDB(b)
		for i := range 100 {
			_, err := d.Exec(b.Context(), insertPacket, i, 2, "body")
			assert.NoError(b, err)
		}
		return d
	}
	const query = "SELECT id, channel, body FROM packets WHERE id = $1"
	for name, ctx := range map[string]context.Context{"Get": context.Background(), "GetCancelable": b.Context()} {
		b.Run(name, func(b *testing.B) {
			d := setup(b)
			b.ReportAllocs()
			for b.Loop() {
				_, err := db.Get[packet](ctx, d, query, 50)
				assert.NoError(b, err)
			}
		})
	}
	b.Run("DatabaseSQL", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "bench.db")
		_, err := openURL(b, "sqlite:"+path, db.Options{}).Exec(b.Context(), packetTable+"; INSERT INTO packets VALUES (50, 1, 2, 'body')")
		assert.NoError(b, err)
		handle, err := sql.Open("sqlite", path)
		assert.NoError(b, err)
		defer handle.Close()
		stmt, err := handle.Prepare(query)
		assert.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			var p packet
			assert.NoError(b, stmt.QueryRow(50).Scan(&p.ID, &p.Channel, &p.Body))
		}
	})
	b.Run("All100", func(b *testing.B) {
		d := setup(b)
		b.ReportAllocs()
		for b.Loop() {
			_, err := db.All[packet](context.Background(), d, "SELECT id, channel, body FROM packets LIMIT 100")
			assert.NoError(b, err)
		}
	})
}
