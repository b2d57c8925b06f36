package oauth

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/web"
)

var (
	// ErrState is in the error of a callback that does not belong to a trip that
	// this browser has started in the last ten minutes.
	ErrState = errors.New("oauth: no such trip")
	// ErrNoTrip is in the error besides ErrState when the browser has begun no
	// trip at all, as far as its cookie says. Anybody can ask for that, at no
	// cost: let it fill no log that is kept.
	ErrNoTrip = errors.New("oauth: the browser is on no trip")
	// ErrDenied is in the error of a callback that says that somebody did not
	// agree, or was not allowed to.
	ErrDenied = errors.New("oauth: denied at the provider")
	// ErrProvider is in the error of a trip that failed because the provider did
	// not answer, or not as it should.
	ErrProvider = errors.New("oauth: provider failed")
	// ErrUser is in the error of a [Link] or [StepUp] by who is not signed in,
	// not recently enough, or meanwhile as somebody else.
	ErrUser = errors.New("oauth: not signed in as needed")
	// ErrUnknown is returned by [Resolve] for an identity that is nobody's.
	ErrUnknown = errors.New("oauth: identity is not linked to a user")
	// ErrOtherUser is returned by [Resolve] for an identity that is another
	// user's.
	ErrOtherUser = errors.New("oauth: identity is linked to another user")
)

func noTrip(why string) error { return badState(why, ErrNoTrip) }

func badState(why string, also ...error) error {
	return &web.Error{
		Status: http.StatusBadRequest, Code: "oauth_state",
		Message: "This sign-in was not started in this browser, has ended already, or took too long. Please start again.",
		Err:     errors.Join(append([]error{ErrState, errors.New("oauth: " + why)}, also...)...),
	}
}

func (p *provider) denied(code string) error {
	return &web.Error{
		Status: http.StatusForbidden, Code: "oauth_denied",
		Message: p.Label + " did not let you in, or you did not agree. Nothing was changed here.",
		Err:     errors.Join(ErrDenied, errors.New("oauth: "+p.Name+" says "+code)),
	}
}

func (p *provider) failed(err error) error {
	return &web.Error{
		Status: http.StatusBadGateway, Code: "oauth_provider",
		Message: "Signing in with " + p.Label + " does not work at the moment. Please try again later, or sign in another way.",
		Err:     errors.Join(ErrProvider, err),
	}
}

func (p *provider) untrusted(err error) error {
	return &web.Error{
		Status: http.StatusBadGateway, Code: "oauth_refused",
		Message: "What " + p.Label + " answered could not be trusted, so it was refused. Please start again.",
		Err:     errors.Join(ErrProvider, err),
	}
}

func wrongUser(message string) error {
	return &web.Error{Status: http.StatusForbidden, Code: "oauth_user", Message: message, Err: ErrUser}
}
