package config_test

import (
	"testing"

	"keepsake/internal/store"
)

// TestDatabaseOfADirectory: a STORE has no place for it, so keys beside it say it.
func TestDatabaseOfADirectory(t *testing.T) {
	_, cfg := setting{file: "preset: chroma\nsources:\n  chroma: {store: chromadir:/srv/chroma, database: agent-1}\n"}.mustLoad(t)
	s := cfg.Declared[0].Store.V
	if s.Tenant != store.DefaultTenant || s.Database != "agent-1" {
		t.Errorf("got tenant %q and database %q, want the default one and agent-1", s.Tenant, s.Database)
	}
	if got, want := s.String(), "chromadir:/srv/chroma (default_tenant/agent-1)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
