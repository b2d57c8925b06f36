// Package mail sends messages: a [Message], the [Sender] that an application
// depends on, [SMTP] for the real thing and [Memory] for development and tests.
//
//	var sender mail.Sender = mail.NewSMTP(mail.SMTPOptions{
//		Host: "smtp.example.com", Username: "gale", Password: secret.Reveal(),
//		From: "Gale <noreply@example.com>",
//	})
//	err := sender.Send(ctx, mail.Message{
//		To: []string{user.Email}, Subject: "Your code", Text: "123456",
//	})
//
// # Concurrency
//
// Every Sender is safe for concurrent use. Send returns once the server has
// taken the message, or with an error; nothing is queued.
//
// # Security
//
// SMTP goes over TLS with a verified certificate or not at all. Control
// characters in any header are refused by every sender with [ErrInvalid], so
// that a subject or name typed by a stranger cannot add recipients. Errors and
// logs hold neither the body nor the password.
//
// # Limits
//
// One connection a message, 100 recipients and 1 MiB of text and HTML together
// at most, no attachments: a service that sends more wants a provider's API
// behind its own Sender.
package mail
