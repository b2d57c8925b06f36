package launch

import "testing"

func TestModuleVersionOfAFileThatIsNoProgram(t *testing.T) {
	t.Parallel()
	if got := ModuleVersion("version_test.go", "example.test/m"); got != "unknown" {
		t.Errorf("got %q", got)
	}
}
