package storetest

import (
	"crypto/rand"
	"io"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Permit gets leave from the guard for what a survey saw, with both factors and
// a plan of its own: what a command gets from an operator.
func Permit(t testing.TB, op guard.Operation, section memory.Section, survey store.Survey) guard.Permit {
	t.Helper()
	rules := guard.Rules{
		Environment: guard.ReadEnvironment(func(key string) (string, bool) { return "true", key == guard.EnvAllow }),
		Now:         time.Now,
		Audit:       io.Discard,
		Ledger:      guard.DirLedger{Dir: t.TempDir()},
	}
	agreement := guard.Agreement{
		Operation: op, Plan: "plan-of-the-suite", Bundle: "seal",
		Losses: []guard.Loss{{Target: survey.Target, Lost: survey.Rows}},
	}
	token, _, err := rules.Issue(rand.Reader, agreement)
	if err != nil {
		t.Fatalf("issue token for %s: %v", survey.Locator, err)
	}
	permit, err := rules.AssertDestructiveTargetAllowed(t.Context(), guard.Request{
		Operation: op, Subsystem: section.Subsystem(), Mode: "replace", Target: survey.Target,
		Source: "the suite", Confirmation: guard.Confirmation{Token: token, Agreement: agreement},
	})
	if err != nil {
		t.Fatalf("ask the guard for %s: %v", survey.Locator, err)
	}
	return permit
}
