// Command relay takes packets in, keeps them, and shows them live.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
)

func main() {
	ctx, began := context.Background(), time.Now()
	var err error
	if len(os.Args) > 1 {
		err = recoverAccount(ctx, os.Args[1:], os.Stdout)
	} else {
		err = run(ctx, began)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, began time.Time) error {
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	logger, err := newLogger(cfg)
	if err != nil {
		return err
	}
	metrics, health := obs.NewMetrics(), obs.NewHealth()

	o, closeAll, err := app.Open(ctx, cfg, logger, metrics)
	if err != nil {
		return err
	}
	service, err := app.New(o)
	if err != nil {
		return errors.Join(err, closeAll(ctx))
	}
	health.Add("database", service.Check)
	health.Add("broker", service.CheckLive)

	var proxies []netip.Prefix
	for _, network := range cfg.TrustedNets {
		proxies = append(proxies, netip.MustParsePrefix(network)) // Validate parsed it
	}
	return gale.Run(ctx, service.Handler(), gale.Options{
		Name: "relay", Env: cfg.Env, Began: began, Addr: cfg.Addr, OpsAddr: cfg.OpsAddr,
		Logger: logger, Metrics: metrics, Health: health,
		Chain:   middleware.DefaultOptions{ClientIP: middleware.ClientIPOptions{Trusted: proxies}, CrossOrigin: service.CrossOrigin()},
		OnDrain: []func(context.Context){service.Drain},
		Close:   []func(context.Context) error{closeAll, service.Close},
	})
}

func newLogger(cfg config.Config) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		return nil, err
	}
	// Libraries that log by themselves are heard when something has failed; the
	// OAuth server's warns of every mistake of a client.
	slog.SetDefault(obs.NewLogger(os.Stderr, obs.LogOptions{JSON: cfg.Production(), Level: slog.LevelError}))
	return obs.NewLogger(os.Stderr, obs.LogOptions{JSON: cfg.Production(), Level: level}), nil
}
