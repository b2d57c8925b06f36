package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/strength"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/obs"
)

// hasher returns the costs of password hashes, measured on this machine where
// the configuration says so. No more run at once than fit into 512 MiB.
func hasher(ctx context.Context, cfg config.Config, logger *slog.Logger) (auth.HasherOptions, error) {
	o, err := cfg.Hasher()
	if err != nil {
		return o, err
	}
	if o.MemoryKiB == 0 {
		o = auth.Calibrate(ctx, 0, 0)
		logger.InfoContext(ctx, "costs of password hashes were measured", "memory_kib", o.MemoryKiB, "passes", o.Time)
	}
	o.Workers = max(1, min(runtime.GOMAXPROCS(0)-1, 512<<10/int(o.MemoryKiB)))
	return o, nil
}

// Open opens all that the configuration names: the keys, what sends mail, the
// list of stolen passwords, the database, which it brings up to date and whose
// mail addresses it encrypts, the broker, what counts limits; it has SIGHUP read
// the keys again. The function that it returns closes them, and is to be called
// after the application's Close.
func Open(ctx context.Context, cfg config.Config, logger *slog.Logger, metrics *obs.Metrics) (Options, func(context.Context) error, error) {
	o := Options{Config: cfg, Logger: logger, Metrics: metrics}
	var opened []func(context.Context) error
	closeAll := func(ctx context.Context) error {
		var errs []error
		for _, f := range slices.Backward(opened) {
			errs = append(errs, f(ctx))
		}
		return errors.Join(errs...)
	}
	err := func() (err error) {
		// First, while nothing else of the process is at work.
		if o.Hasher, err = hasher(ctx, cfg, logger); err != nil {
			return err
		}
		// Then what may refuse the start, before anything is written.
		if o.Keys, err = OpenKeys(ctx, cfg, logger, metrics); err != nil {
			return err
		}
		if o.Mail, err = OpenMail(cfg); err != nil {
			return err
		}
		if cfg.Passwords != "" {
			list, err := strength.OpenList(cfg.Passwords)
			if err != nil {
				return fmt.Errorf("PASSWORD_LIST: %w", err)
			}
			opened = append(opened, func(context.Context) error { return list.Close() })
			o.Breached = append(o.Breached, list)
		}
		if o.DB, err = db.Open(ctx, cfg.DatabaseURL.Reveal(), db.Options{
			Drivers: database.Drivers(), Logger: logger, Metrics: metrics.Registry(),
		}); err != nil {
			return err
		}
		opened = append(opened, func(context.Context) error { return o.DB.Close() })
		if err := database.Migrate(obs.WithLogger(ctx, logger), o.DB); err != nil {
			return err
		}
		var closer func(context.Context) error
		if o.Broker, closer, err = OpenBroker(ctx, cfg.HubURL.Reveal(), cfg.HubPrefix, logger); err != nil {
			return err
		}
		opened = append(opened, closer)
		if o.Limits, closer, err = OpenLimits(cfg.LimitURL.Reveal(), cfg.HubPrefix, o.DB); err != nil {
			return err
		}
		opened = append(opened, closer)
		if o.Sessions, closer, err = OpenSessions(cfg.SessionURL.Reveal(), cfg.HubPrefix); err != nil {
			return err
		}
		opened = append(opened, closer)
		if err := database.New(o.DB, o.Keys).Seal(obs.WithLogger(ctx, logger)); err != nil {
			return err
		}
		hangup := make(chan os.Signal, 1)
		signal.Notify(hangup, syscall.SIGHUP)
		opened = append(opened, func(context.Context) error { signal.Stop(hangup); return nil })
		o.Reload = hangup
		return nil
	}()
	if err != nil {
		return Options{}, nil, errors.Join(err, closeAll(ctx))
	}
	return o, closeAll, nil
}
