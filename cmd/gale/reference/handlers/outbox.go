package handlers

import (
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/galeweb/gale/mail"
	"github.com/galeweb/gale/web"
)

// Outbox shows, in development, the mails that were not sent anywhere.
type Outbox struct {
	Site
	Mails *mail.Memory
	// Local reports whether who asks for a host is at this machine. A page of
	// others can have its own name lead here (DNS rebinding), and so come from
	// this machine too, but not under another name than its own.
	Local func(host string) bool
	// Key is that of the address at which others see the mails.
	Key string
}

// mayShow reports whether the request is from this machine, with nothing between,
// or has the key.
func (h *Outbox) mayShow(r *http.Request) bool {
	if subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("key")), []byte(h.Key)) == 1 {
		return true
	}
	if !r.ProtoAtLeast(1, 1) { // of nginx, which by default sends nothing else that tells
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} { // of a proxy, or a tunnel
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return h.Local(strings.ToLower(strings.Trim(host, "[]")))
}

type shownMail struct {
	To, Subject string
	Lines       []shownLine
}

type shownLine struct {
	Text string
	Link bool
}

// Show lists the mails, the newest first.
func (h *Outbox) Show(w http.ResponseWriter, r *http.Request) error {
	private(w)
	if !h.mayShow(r) {
		return &web.Error{
			Status: http.StatusForbidden, Code: "not_local",
			Message: "Mails are shown to who opens this page at localhost, without a proxy, or at the address with a key that relay has written into its log.",
		}
	}
	var shown []shownMail
	for _, m := range slices.Backward(h.Mails.Messages()) {
		s := shownMail{To: strings.Join(m.To, ", "), Subject: m.Subject}
		for line := range strings.Lines(m.Text) {
			line = strings.TrimSpace(line)
			s.Lines = append(s.Lines, shownLine{line, strings.HasPrefix(line, "http://") || strings.HasPrefix(line, "https://")})
		}
		shown = append(shown, s)
	}
	return h.Views.Render(w, r, http.StatusOK, "dev/outbox", shown)
}
