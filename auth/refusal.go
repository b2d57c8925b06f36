package auth

import "context"

// The codes of the answers 403.
const (
	codeForbidden = "forbidden"
	codeSession   = "session_required"
	codeConfirm   = "confirm_required"
)

// Refusal is something that a user who is known may not do; see
// [Options].Refused. The route is in the context's request, obs.RequestFrom.
type Refusal[U any] struct {
	User U
	// Credential is as [Auth.Credential] says it.
	Credential string
	// Code is that of the answer: "forbidden" for want of Permission,
	// "session_required" for a key or token where a person is needed,
	// "confirm_required" for a program that would have had to confirm. A browser
	// that is sent to confirm is not refused.
	Code string
	// Permission is the one that is missing, with "forbidden".
	Permission string
}

func (a *Auth[U]) refused(ctx context.Context, id identity[U], permission, code string) {
	if a.o.Refused != nil {
		a.o.Refused(ctx, Refusal[U]{User: id.user, Credential: id.credential, Code: code, Permission: permission})
	}
}
