package config_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	gale "github.com/galeweb/gale/config"

	"github.com/galeweb/gale/cmd/gale/reference/config"
)

// What is set by half, or cannot work, is told at the start, with its name.
func TestProviders(t *testing.T) {
	t.Parallel()
	production := []string{
		"RELAY_ENV=production", "RELAY_SMTP_URL=smtp://mail.example.com",
		"RELAY_SECRET_KEYS=x", "RELAY_PUBLIC_URL=http://localhost:8080",
	}
	google := []string{"RELAY_GOOGLE_ID=a", "RELAY_GOOGLE_SECRET=b"}
	oidc := []string{"RELAY_OIDC_ID=a", "RELAY_OIDC_SECRET=b"}
	for _, test := range []struct {
		environ []string
		want    []string // what the problems begin with
	}{
		{nil, nil},
		{google, nil},
		{slices.Concat(google, []string{"RELAY_GITHUB_ID=a", "RELAY_GITHUB_SECRET=b", "RELAY_MICROSOFT_ID=a", "RELAY_MICROSOFT_SECRET=b"}), nil},
		{[]string{"RELAY_GOOGLE_ID=a"}, []string{"GOOGLE_SECRET is missing"}},
		{[]string{"RELAY_GITHUB_SECRET=b"}, []string{"GITHUB_ID is missing"}},
		{[]string{"RELAY_MICROSOFT_ID=a", "RELAY_OIDC_ID=a"}, []string{"MICROSOFT_SECRET is missing", "OIDC_SECRET is missing", "OIDC_ISSUER and OIDC_ID belong together"}},
		{[]string{"RELAY_OIDC_ISSUER=https://id.example.com"}, []string{"OIDC_ISSUER and OIDC_ID belong together"}},
		{append(oidc, "RELAY_OIDC_ISSUER=https://id.example.com/realms/x"), nil},
		{append(oidc, "RELAY_OIDC_ISSUER=http://127.0.0.1:1"), nil},
		{append(oidc, "RELAY_OIDC_ISSUER=http://127.0.0.1:1", "RELAY_PUBLIC_URL=https://relay.example.com"), []string{"OIDC_ISSUER must be like"}},
		{append(oidc, "RELAY_OIDC_ISSUER=id.example.com"), []string{"OIDC_ISSUER must be like"}},
		{append(oidc, "RELAY_OIDC_ISSUER=https://id.example.com?x=y"), []string{"OIDC_ISSUER must be like"}},
		{[]string{"RELAY_MICROSOFT_ID=a", "RELAY_MICROSOFT_SECRET=b", "RELAY_MICROSOFT_TENANT=contoso.com"}, []string{"MICROSOFT_TENANT must be"}},
		{[]string{"RELAY_MICROSOFT_ID=a", "RELAY_MICROSOFT_SECRET=b", "RELAY_MICROSOFT_TENANT=9188040D-6c67-4c5b-b112-36a304b66dad"}, nil},
		{slices.Concat(production, google), []string{"PUBLIC_URL must begin with https://"}},
		{production, nil},
	} {
		_, err := gale.Load[config.Config](gale.Options{Prefix: "RELAY_", Environ: test.environ, EnvFile: os.DevNull})
		var got []string
		if problems, ok := errors.AsType[*gale.Error](err); ok {
			for _, p := range problems.Unwrap() {
				got = append(got, p.Error())
			}
		}
		if !slices.EqualFunc(got, test.want, strings.Contains) {
			t.Errorf("%v: %q, want %q", test.environ, got, test.want)
		}
	}
}
