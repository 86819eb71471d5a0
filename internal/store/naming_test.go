package store_test

import (
	"strings"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

func TestSectionOf(t *testing.T) {
	if got, want := store.SectionOf("notes", "papers.2026"), memory.Section("notes/papers.2026"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	long := strings.Repeat("x", 511)
	a, b := store.SectionOf("notes", long+"a"), store.SectionOf("notes", long+"b")
	if a == b || len(a.Name()) > 180 || !strings.HasPrefix(a.Name(), strings.Repeat("x", 150)) {
		t.Errorf("got %q and %q, want two that a file can be named by", a, b)
	}
	if again := store.SectionOf("notes", long+"a"); again != a {
		t.Errorf("got %q, then %q", a, again)
	}
}
