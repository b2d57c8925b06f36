package e2e_test

import (
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
)

// The way of a newcomer: sign-up, mail, account, sign-out, forgotten password,
// mail, new password, security page. On a phone, without JavaScript.
func TestFromSignUpToANewPassword(t *testing.T) {
	t.Parallel()
	first, b := open(t, e2e.View{}), open(t, e2e.View{Width: 390, Height: 844, NoScript: true})
	r := serve(t)
	r.prepare(first, "boiler")
	const address = "grace@example.com"
	has := func(words string) {
		t.Helper()
		if !value[bool](b, "document.body.innerText.includes("+quote(words)+")") {
			t.Errorf("%s does not say %q", value[string](b, "location.pathname"), words)
		}
	}
	r.join(b, "grace", address)
	has("grace")
	b.submit("nav form button")
	b.visit(r.URL+"/sign-in", 200)
	b.submit("main form button", "#email", address, "#password", "forgotten")
	has("Wrong mail address or password.")
	b.submit("main a[href='/reset']")
	b.submit("main form button", "#email", address)
	has("Look into your mail")
	r.follow(b, address)
	b.submit("main form button", "#password", "moles-and-badgers")
	has("The new password is set")
	b.submit("nav form button")
	b.visit(r.URL+"/sign-in", 200)
	b.submit("main form button", "#email", address, "#password", password)
	has("Wrong mail address or password.")
	b.submit("main form button", "#password", "moles-and-badgers")
	b.visit(r.URL+"/profile", 200)
	b.submit("main nav a[href='/profile/security']")
	has("this one")
	b.submit("form[action='/profile/password'] button", "#old", "moles-and-badgers", "#password", password)
	has("The new password is set")
	b.submit("main nav a[href='/profile/account']")
	has("Your data")
	b.submit("form[action='/profile/delete'] button", "#name", "grace", "#delete-password", password)
	has("Sign up")
	b.visit(r.URL+"/sign-in", 200)
	b.submit("main form button", "#email", address, "#password", password)
	has("Wrong mail address or password.")
	b.quiet("422")
}
