package guard_test

import (
	"testing"

	"keepsake/internal/guard"
)

func TestReadEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]string
		want   bool
	}{
		"nothing":              {nil, false},
		"true":                 {map[string]string{guard.EnvAllow: "true"}, true},
		"later name":           {map[string]string{guard.EnvAllowSubstrate: "true"}, true},
		"either":               {map[string]string{guard.EnvAllow: "no", guard.EnvAllowSubstrate: "true"}, true},
		"TRUE":                 {map[string]string{guard.EnvAllow: "TRUE"}, false},
		"1":                    {map[string]string{guard.EnvAllow: "1"}, false},
		"yes":                  {map[string]string{guard.EnvAllow: "yes", guard.EnvAllowSubstrate: "t"}, false},
		"space":                {map[string]string{guard.EnvAllow: "true "}, false},
		"newline":              {map[string]string{guard.EnvAllow: "true\n"}, false},
		"empty":                {map[string]string{guard.EnvAllow: ""}, false},
		"false":                {map[string]string{guard.EnvAllow: "false"}, false},
		"other names":          {map[string]string{"UNIT_TEST_MODE": "true", "CI": "true", "NODE_ENV": "test"}, false},
		"name in another case": {map[string]string{"neo_allow_production_destructive": "true"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := environment(c.values).Allows(); got != c.want {
				t.Errorf("Allows() = %v, want %v", got, c.want)
			}
		})
	}
	t.Run("value of a name that is not set", func(t *testing.T) {
		e := guard.ReadEnvironment(func(string) (string, bool) { return "true", false })
		if e.Allows() {
			t.Error("allows, though no name is set")
		}
	})
	t.Run("no lookup", func(t *testing.T) {
		if guard.ReadEnvironment(nil).Allows() {
			t.Error("allows, though nothing was read")
		}
	})
	t.Run("zero", func(t *testing.T) {
		if (guard.Environment{}).Allows() {
			t.Error("the zero environment allows")
		}
	})
}
