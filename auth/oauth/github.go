package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/oauth2"
)

const githubAddress = "https://github.com"

func githubMetadata(p *provider) *metadata {
	return &metadata{
		endpoint: oauth2.Endpoint{
			AuthURL: p.Address + "/login/oauth/authorize", TokenURL: p.Address + "/login/oauth/access_token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		issuers: []string{p.Issuer, p.Issuer + "/login/oauth"},
	}
}

// githubAPI is where the API of a GitHub is.
func githubAPI(address string) string {
	if address == githubAddress {
		return "https://api.github.com"
	}
	return address + "/api/v3" // of an Enterprise Server
}

// githubIdentity asks GitHub's API who the owner of the token is.
// https://docs.github.com/en/rest/users/users and …/users/emails
func (c *Client) githubIdentity(ctx context.Context, p *provider, tok *oauth2.Token) (Identity, error) {
	var user struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Name  string `json:"name"`
	}
	api := githubAPI(p.Address)
	if err := c.getJSON(ctx, api+"/user", tok.AccessToken, &user); err != nil {
		return Identity{}, p.failed(fmt.Errorf("oauth: GitHub user: %w", err))
	}
	// The number: who gives up a login leaves it to whoever takes it next.
	if user.ID <= 0 {
		return Identity{}, p.untrusted(errors.New("oauth: GitHub user without id"))
	}
	id := Identity{
		Provider: p.Name, Issuer: p.Issuer, Subject: strconv.FormatInt(user.ID, 10), Name: cleanText(user.Name),
	}
	if id.Name == "" {
		id.Name = cleanText(user.Login)
	}
	// Not the address in the profile: that is one to be shown.
	var mails []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	err := c.getJSON(ctx, api+"/user/emails", tok.AccessToken, &mails)
	var status statusError
	if errors.As(err, &status) && (status == http.StatusForbidden || status == http.StatusNotFound) {
		return id, nil // the scope was not given
	}
	if err != nil {
		return Identity{}, p.failed(fmt.Errorf("oauth: GitHub mail addresses: %w", err))
	}
	for _, m := range mails {
		if m.Primary {
			id.Email = cleanText(m.Email)
			id.EmailVerified = m.Verified && id.Email != ""
		}
	}
	return id, nil
}
