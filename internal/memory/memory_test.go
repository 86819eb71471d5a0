package memory_test

import (
	"testing"

	"keepsake/internal/memory"
)

func TestSubsystemValid(t *testing.T) {
	for name, want := range map[memory.Subsystem]bool{
		"kb": true, "notes-2": true, "agent_1": true,
		"": false, "Notes": false, "a/b": false, "..": false, "a b": false, "é": false,
	} {
		if got := name.Valid(); got != want {
			t.Errorf("Subsystem(%q).Valid() = %t, want %t", name, got, want)
		}
	}
}
