package load

import "testing"

func TestObeyRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "{", "{}", `{"Run":{}}`, `{"Hold":{"Addr":"nowhere","Connections":1}}`} {
		if _, err := obeyOne([]byte(line)); err == nil {
			t.Errorf("%q is obeyed", line)
		}
	}
}
