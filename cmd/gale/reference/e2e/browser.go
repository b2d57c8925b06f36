package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// step is one thing that a tab does.
type step = chromedp.Action[chromedp.Void]

// Chromium returns the browser's program: that of the variable CHROME, or the
// one that Debian installs.
func Chromium() (string, error) {
	path, err := exec.LookPath(cmp.Or(os.Getenv("CHROME"), "/usr/bin/chromium"))
	if err != nil {
		return "", fmt.Errorf("no Chromium: %w; install it or set CHROME to its program", err)
	}
	return path, nil
}

// Browser is a Chromium without a window.
type Browser struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// Launch starts a browser, which Close ends.
func Launch(ctx context.Context) (*Browser, error) {
	path, err := Chromium()
	if err != nil {
		return nil, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("hide-scrollbars", true),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to start as root with it
	}
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(options...))
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return &Browser{ctx, cancel}, nil
}

// Close ends the browser and waits until it is gone.
func (b *Browser) Close() error {
	defer b.cancel()
	return chromedp.Cancel(b.ctx)
}

// View is how a tab shows pages. The zero value is a desktop in light colours.
type View struct {
	Width, Height int64 // CSS pixels; default to 1280 and 800
	Dark          bool
	NoScript      bool
}

// Phone is a small, upright screen.
func Phone() View { return View{Width: 390, Height: 844} }

// patience is how long a step may take, with much to spare on a busy machine.
const patience = 20 * time.Second

// Tab is a page of a profile of its own: it shares no cookie with other tabs.
type Tab struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu         sync.Mutex
	complaints []string
}

// Open opens an empty tab.
func (b *Browser) Open(v View) (*Tab, error) {
	t := &Tab{}
	t.ctx, t.cancel = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(t.hear))
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	err := chromedp.Do(t.ctx, chromedp.EmulateViewport(cmp.Or(v.Width, 1280), cmp.Or(v.Height, 800)))
	if err == nil {
		_, err = chromedp.Call(t.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	}
	if err == nil {
		_, err = chromedp.Call(t.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.NoScript})
	}
	if err != nil {
		t.cancel()
		return nil, fmt.Errorf("open a tab: %w", err)
	}
	return t, nil
}

// Close closes the tab and forgets its cookies.
func (t *Tab) Close() { t.cancel() }

// Do runs steps one after another.
func (t *Tab) Do(steps ...step) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Go loads a page and returns its status.
func (t *Tab) Go(url string) (int, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", url, err)
	}
	if answer == nil {
		return 0, fmt.Errorf("open %s: nothing was asked for", url) // about:blank and the like
	}
	return int(answer.Status), nil
}

// Submit fills the inputs of a form, given as CSS selector and text in turn,
// presses its button and waits for the page that answers.
func (t *Tab) Submit(button string, inputs ...string) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	for i := 0; i+1 < len(inputs); i += 2 {
		field := chromedp.CSS(inputs[i])
		// Not key by key: a browser takes a frame of 16 ms for each.
		if err := chromedp.Do(ctx, chromedp.SetValue(field, inputs[i+1])); err != nil {
			return fmt.Errorf("fill %s: %w", inputs[i], err)
		}
	}
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(button))); err != nil {
		return fmt.Errorf("press %s: %w", button, err)
	}
	return nil
}

// Type types on the keyboard, \t and \r being the keys for the next input and
// to submit.
func (t *Tab) Type(keys string) error { return t.Do(chromedp.KeyEvent(keys)) }

// TypeAndLoad is Type for keys that lead to another page, for which it waits.
func (t *Tab) TypeAndLoad(keys string) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(keys))
	return err
}

// Eval returns the value of a JavaScript expression.
func Eval[T any](t *Tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		err = fmt.Errorf("%.120s: %w", expression, err)
	}
	return v, err
}

// look is how often a page is asked for what must come.
const look = 20 * time.Millisecond

// Until waits for a JavaScript expression to become truthy, on whatever page is
// shown by then.
func (t *Tab) Until(expression string) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+expression+")", chromedp.WithPollingInterval(look), chromedp.WithPollingTimeout(0)))
		if err == nil {
			return nil
		}
		if left(err) {
			select {
			case <-time.After(look):
				continue
			case <-ctx.Done():
			}
		}
		return fmt.Errorf("wait for %.120s: %w", expression, err)
	}
}

// left reports whether a page could not answer because another has taken its
// place. Which page is there the library learns from events, which come late on a
// busy machine: until then it asks the old one.
func left(err error) bool {
	e, ok := errors.AsType[*cdproto.Error](err)
	if !ok {
		return false
	}
	for _, says := range []string{
		"Cannot find context with specified id",
		"Cannot find default execution context",
		"Execution context was destroyed",
		"Inspected target navigated or closed",
		"Promise was collected",
	} {
		if strings.Contains(e.Message, says) {
			return true
		}
	}
	return false
}

// Picture returns a PNG of the window, or of the whole page however long.
func (t *Tab) Picture(whole bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	if whole {
		return chromedp.Run(ctx, chromedp.FullScreenshot(100))
	}
	return chromedp.Run(ctx, chromedp.CaptureScreenshot())
}

// Complaints returns what the browser complained of since the last call:
// uncaught exceptions, errors and warnings of the console, blocked content.
func (t *Tab) Complaints() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.complaints
	t.complaints = nil
	return all
}

func (t *Tab) hear(event any) {
	complain := func(format string, args ...any) {
		t.mu.Lock()
		t.complaints = append(t.complaints, fmt.Sprintf(format, args...))
		t.mu.Unlock()
	}
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		complain("exception: %s", text)
	case *runtime.EventConsoleAPICalled:
		if e.Type != runtime.ConsoleAPICalledTypeError && e.Type != runtime.ConsoleAPICalledTypeWarning {
			return
		}
		for _, arg := range e.Args {
			complain("console: %s %s", arg.Value, arg.Description)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			complain("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
}
