package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/galeweb/gale/mail"
)

// Outbox shows, in development, the mails that were not sent anywhere.
type Outbox struct {
	Site
	Mails *mail.Memory
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
	w.Header().Set("Cache-Control", "no-store")
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
