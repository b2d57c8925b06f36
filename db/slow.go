package db

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/galeweb/gale/obs"
)

// maxLoggedSQL bounds the statement in the slow-query log, in bytes.
const maxLoggedSQL = 1000

// observe counts a statement and logs it when it was slow. Arguments are never
// logged: they are people's data. The route of the request comes into the
// record through ctx, see [obs.NewLogger].
func (d *DB) observe(ctx context.Context, sql string, took time.Duration, rows int64, err error) {
	d.metrics.observe(err)
	if d.slow < 0 || took < d.slow {
		return
	}
	d.metrics.slow.Add(1)
	logger := cmp.Or(d.logger, obs.Logger(ctx))
	attrs := []slog.Attr{
		slog.String("sql", abridge(sql)),
		slog.Duration("duration", took),
		slog.Int64("rows", rows),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	logger.LogAttrs(ctx, slog.LevelWarn, "slow query", attrs...)
}

// abridge puts a statement on one line and cuts it, not within a character.
func abridge(sql string) string {
	cut := len(sql) > 4*maxLoggedSQL
	if cut {
		sql = sql[:4*maxLoggedSQL]
	}
	sql = strings.Join(strings.Fields(sql), " ")
	if len(sql) > maxLoggedSQL {
		sql, cut = sql[:maxLoggedSQL], true
	}
	if cut {
		sql = strings.ToValidUTF8(sql, "") + " …"
	}
	return sql
}
