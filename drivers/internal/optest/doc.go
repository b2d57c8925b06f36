// Package optest tests auth/oauth against a provider that was written by others:
// zitadel/oidc, started in the test.
package optest
