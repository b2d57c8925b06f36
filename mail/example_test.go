package mail_test

import (
	"context"
	"fmt"

	"github.com/galeweb/gale/mail"
)

func Example() {
	outbox := &mail.Memory{From: "noreply@example.com"}
	var sender mail.Sender = outbox // mail.NewSMTP(…) in production

	err := sender.Send(context.Background(), mail.Message{
		To: []string{"Ada <ada@example.com>"}, Subject: "Your code", Text: "123456",
	})
	fmt.Println(err, outbox.Messages()[0].Text)

	err = sender.Send(context.Background(), mail.Message{
		To: []string{"ada@example.com"}, Subject: "Hi\r\nBcc: everybody@example.com", Text: "spam",
	})
	fmt.Println(err)
	// Output:
	// <nil> 123456
	// mail: invalid message: Subject has a control character at byte 2
}
