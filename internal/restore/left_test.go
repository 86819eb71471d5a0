package restore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/restore"
)

// TestTrue_09_HistoryIsReadOnce: a backup of 1,500 files that are gone asks of each of
// them; every question read every receipt.
func TestTrue_09_HistoryIsReadOnce(t *testing.T) {
	restores := t.TempDir()
	began := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for day := range 3 {
		dir := filepath.Join(restores, began.AddDate(0, 0, day).Format(time.DateOnly))
		text := fmt.Sprintf(`{"version": 1, "mode": "replace", "bundlePath": "/bundles/%d", "startedAt": %q, "sections": [
			{"section": "notes/a.md", "state": "done", "target": {"kind": "files", "path": "/a.md"}, "after": %d, "replaced": {}},
			{"section": "notes/b.md", "state": "pending", "target": {"kind": "files", "path": "/b.md"}, "replaced": {}}]}`,
			day, began.AddDate(0, 0, day).Format(time.RFC3339), day)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "receipt.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	history := restore.ReadHistory(restores)
	if err := os.RemoveAll(restores); err != nil { // it has to know by now
		t.Fatal(err)
	}
	a := memory.Locator{Kind: memory.KindFiles, Path: "/a.md"}
	for range 1500 {
		left, ok := history.LastLeft("notes/a.md", a, began)
		if want := (restore.Left{Name: "2026-11-24", Rows: 2, Bundle: "/bundles/2"}); !ok || left != want {
			t.Fatalf("got %+v, %t, want the last, %+v", left, ok, want)
		}
	}
	for name, ask := range map[string]func() (restore.Left, bool){
		"Since":     func() (restore.Left, bool) { return history.LastLeft("notes/a.md", a, began.AddDate(0, 0, 2)) },
		"OtherFile": func() (restore.Left, bool) { return history.LastLeft("notes/a.md", memory.Locator{Path: "/x"}, began) },
		"NotDone": func() (restore.Left, bool) {
			return history.LastLeft("notes/b.md", memory.Locator{Kind: memory.KindFiles, Path: "/b.md"}, began)
		},
		"Unknown": func() (restore.Left, bool) { return history.LastLeft("notes/c.md", a, began) },
		"None":    func() (restore.Left, bool) { return restore.ReadHistory(restores).LastLeft("notes/a.md", a, began) },
	} {
		if left, ok := ask(); ok {
			t.Errorf("%s: got %+v, want none", name, left)
		}
	}
}
