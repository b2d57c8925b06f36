package config_test

import (
	"fmt"
	"os"
	"time"

	"github.com/galeweb/gale/config"
)

type Settings struct {
	Addr        string        `env:"ADDR" default:":8080" desc:"Where to listen."`
	SessionLife time.Duration `env:"SESSION_LIFE" default:"24h"`
	DatabaseURL config.Secret `env:"DATABASE_URL,required" desc:"sqlite: or postgres: URL."`
	Mail        struct {
		Host string `env:"HOST"`
	} `envPrefix:"MAIL_"`
}

func Example() {
	cfg, err := config.Load[Settings](config.Options{
		Prefix:  "RELAY_",
		EnvFile: os.DevNull,
		Environ: []string{"RELAY_DATABASE_URL=postgres://relay:hunter2@db/relay", "RELAY_MAIL_HOST=mx.example.com"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Addr, cfg.SessionLife, cfg.DatabaseURL, cfg.Mail.Host)
	// Output: :8080 24h0m0s [secret] mx.example.com
}

func ExampleLoad_problems() {
	_, err := config.Load[Settings](config.Options{
		Prefix:  "RELAY_",
		EnvFile: os.DevNull,
		Environ: []string{"RELAY_DATABSE_URL=postgres://relay:hunter2@db/relay", "RELAY_SESSION_LIFE=1 day"},
	})
	fmt.Println(err)
	// Output:
	// config: 3 problems
	//   RELAY_SESSION_LIFE: "1 day" is not a duration such as 30s or 5m
	//   RELAY_DATABASE_URL: is required, but not set
	//   RELAY_DATABSE_URL: is unknown; did you mean RELAY_DATABASE_URL?
}

func ExampleWriteExample() {
	_ = config.WriteExample[Settings](os.Stdout, config.Options{Prefix: "RELAY_"})
	// Output:
	// # Where to listen.
	// # Type: string
	// #RELAY_ADDR=:8080
	//
	// # Type: time.Duration
	// #RELAY_SESSION_LIFE=24h
	//
	// # sqlite: or postgres: URL.
	// # Type: config.Secret
	// RELAY_DATABASE_URL=
	//
	// # Type: string
	// #RELAY_MAIL_HOST=
}
