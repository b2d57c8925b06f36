// Command screenshots takes the pictures of relay that the documentation shows:
// it starts relay on a new database, lets two minutes of packets pass, and
// opens the pages in headless Chromium. It fails when the browser complains.
//
//	make screenshots
package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
)

func main() {
	out := flag.String("out", "docs/img", "folder for the pictures")
	flag.Parse()
	if err := run(context.Background(), *out); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

// picture is one file to make.
type picture struct {
	file  string
	path  string
	view  e2e.View
	guest bool   // not signed in
	ready string // JavaScript that is true when the page is complete
}

const live = "document.querySelector('#state.live') && document.querySelector('#chart canvas') && document.querySelectorAll('tr.fresh').length > 3"

func pictures() []picture {
	desktop, dark := e2e.View{Height: 720}, e2e.View{Height: 720, Dark: true}
	return []picture{
		{file: "channel.png", path: "/channels/workshop", view: desktop, ready: live},
		{file: "channel-dark.png", path: "/channels/workshop", view: dark, ready: live},
		{file: "channel-phone.png", path: "/channels/workshop", view: e2e.Phone(), guest: true, ready: live},
		{file: "home.png", path: "/", view: desktop},
		{file: "profile.png", path: "/profile", view: desktop},
		{file: "sign-up.png", path: "/sign-up", view: desktop, guest: true},
	}
}

func run(ctx context.Context, out string) (err error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "screenshots")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	clock := &clock{}
	server, err := e2e.Serve(ctx, e2e.Options{Addr: "127.0.0.1:0", Database: filepath.Join(dir, "relay.db"), Now: clock.now})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, server.Stop()) }()
	browser, err := e2e.Launch(ctx)
	if err != nil {
		return err
	}
	defer browser.Close()

	s := &stage{url: server.URL, clock: clock}
	if err := s.set(ctx, browser); err != nil {
		return err
	}
	stop := s.play(ctx)
	for _, p := range pictures() {
		if err := s.take(browser, p, out); err != nil {
			_ = stop()
			return fmt.Errorf("%s: %w", p.file, err)
		}
	}
	return stop()
}

// take makes one picture.
func (s *stage) take(browser *e2e.Browser, p picture, out string) error {
	tab, err := browser.Open(p.view)
	if err != nil {
		return err
	}
	defer tab.Close()
	if !p.guest {
		if err := s.signIn(tab); err != nil {
			return err
		}
	}
	if _, err := tab.Go(s.url + p.path); err != nil {
		return err
	}
	if p.ready != "" {
		if err := tab.Until(p.ready); err != nil {
			return err
		}
	}
	shot, err := tab.Picture(false)
	if err != nil {
		return err
	}
	if complaints := tab.Complaints(); len(complaints) > 0 {
		return fmt.Errorf("the browser complains: %q", complaints)
	}
	return write(filepath.Join(out, p.file), shot)
}

// write stores a picture as small as PNG can be made here.
func write(file string, shot []byte) error {
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return err
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, img); err != nil {
		return err
	}
	if small.Len() > len(shot) {
		small = *bytes.NewBuffer(shot)
	}
	fmt.Printf("%s: %d KB\n", file, small.Len()>>10)
	return os.WriteFile(file, small.Bytes(), 0o644)
}
