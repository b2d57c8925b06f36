package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	gale "github.com/galeweb/gale/config"
	"github.com/galeweb/gale/mail"
	"github.com/galeweb/gale/obs"
)

const usage = "usage: relay                  serves\n" +
	"       relay recover ADDRESS  takes the second factors of an account away and prints a link for a new password"

// recoverAccount is the command recover, with the configuration of the service;
// nothing else can be asked for by name.
func recoverAccount(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 || args[0] != "recover" {
		return errors.New(usage)
	}
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	logger, err := newLogger(cfg)
	if err != nil {
		return err
	}
	// A broker inside of the process that serves is not to be reached from here, and
	// a second one would want its ports and its folder.
	if strings.HasPrefix(cfg.HubURL.Reveal(), "nats:embedded") {
		cfg.HubURL = gale.NewSecret("memory:")
	}
	o, closeAll, err := app.Open(ctx, cfg, logger, obs.NewMetrics())
	if err != nil {
		return err
	}
	o.Mail = struct{ mail.Sender }{o.Mail} // no outbox, whose page would end with the command
	service, err := app.New(o)
	if err != nil {
		return errors.Join(err, closeAll(ctx))
	}
	link, err := service.Recover(ctx, args[1])
	if errors.Is(err, services.ErrNotFound) {
		err = errors.New("no account has that mail address")
	}
	if err := errors.Join(err, service.Close(ctx), closeAll(ctx)); err != nil {
		return err
	}
	live := ""
	if strings.HasPrefix(cfg.HubURL.Reveal(), "memory:") { // which tells no other process
		live = "What they watch live goes on until the link is used or relay is restarted.\n"
	}
	_, err = fmt.Fprintf(out, "The account has no second factor any more, and its sessions are over.\n%sSet a new password here, within an hour; whoever has this link can:\n\n%s\n", live, link)
	return err
}
