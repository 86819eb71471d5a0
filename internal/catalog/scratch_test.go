package catalog_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/lock"
)

func TestScratch(t *testing.T) {
	root := filepath.Join(t.TempDir(), "backups")
	me := lock.Owner{PID: os.Getpid(), Host: "here", BootID: "boot-1"}
	opts := bundle.Options{Root: root, Now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Owner: me}
	s, err := catalog.MakeScratch(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir(), "copy"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	swept := func(alive bool) []string {
		t.Helper()
		removed, err := catalog.RemoveDeadPartials(catalog.PartialOptions{
			Root: root, Me: lock.Owner{PID: 1, Host: "here", BootID: "boot-1"}, Alive: func(lock.Owner) (bool, bool) { return alive, true },
		})
		if err != nil {
			t.Fatal(err)
		}
		return removed
	}
	if got := swept(false); len(got) != 0 {
		t.Errorf("swept %q, whose owner holds it", got)
	}
	if _, err := bundle.Open(s.Dir(), bundle.Limits{}); !errors.Is(err, bundle.ErrNotBundle) {
		t.Errorf("got %v, want that it is no bundle", err)
	}
	for range 2 {
		if err := s.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 0 {
		t.Errorf("got %v, %v left, want nothing", left, err)
	}
	t.Run("OfADeadRun", func(t *testing.T) {
		dir := filepath.Join(root, ".backup-partial-2026-11-22T09-00-00.000Z-ABCDEFGH")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		owner := `{"pid":77,"host":"here","bootId":"boot-1"}`
		if err := os.WriteFile(filepath.Join(dir, ".keepsake-owner.json"), []byte(owner), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := swept(false); len(got) != 1 {
			t.Errorf("swept %q, want what the dead run left", got)
		}
	})
}
