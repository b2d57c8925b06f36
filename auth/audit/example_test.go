package audit_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/galeweb/gale/auth/audit"
)

// An export is verified without the database, by who kept a head of the log.
func ExampleCheck() {
	export := `{"seq":1,"at":"2026-11-28T12:00:00Z","actor":{"id":"7","name":"ann@example.com"},"action":"signin.password","target":"","outcome":"ok","addr":"192.0.2.1","user_agent":"","request_id":"","hash":"fea9dbdc846d33a88efe251b46e2494a76ea4522a6fa5bf29f89772b6ba5f6b6"}
{"seq":2,"at":"2026-11-28T12:00:04Z","actor":{"id":"7","name":"ann@example.com"},"action":"signin.totp","target":"","outcome":"refused","addr":"192.0.2.1","user_agent":"","request_id":"","hash":"3d074d3622ef11ab068fc29104f25f86c66c8154ac9dcabadfa2cf0fdb92c5c9"}
`
	head, err := audit.Check(strings.NewReader(export), nil)
	fmt.Println(head.Seq, head.Hash[:8], err)

	_, err = audit.Check(strings.NewReader(strings.Replace(export, "refused", "ok", 1)), nil)
	broken, ok := errors.AsType[*audit.BrokenError](err)
	fmt.Println(ok, broken)
	// Output:
	// 2 3d074d36 <nil>
	// true audit: the log is broken at record 2: it was changed, or does not follow the one before
}
