//go:build unix

package graph_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"keepsake/internal/store/storetest"
)

// TestOwner: what a reading or a merge by root makes beside the database belongs
// to the database's owner, who could not open it otherwise.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const owner = 12345
	dir := t.TempDir()
	path := filepath.Join(dir, "memory.sqlite")
	put(t, live(t, path), storetest.Graph("a", 30))
	if err := os.Chown(path, owner, owner); err != nil {
		t.Fatal(err)
	}
	s := session(t, path)
	wantOwner(t, dir, 3, owner)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	agent := open(t, path) // keeps what a merge makes
	mergeAll(t, path, records(storetest.Graph("a", 60)), nil)
	run(t, agent, "SELECT count(*) FROM Nodes")
	mergeAll(t, path, records(storetest.Graph("a", 90)), nil)
	wantOwner(t, dir, 3, owner)
}

func wantOwner(t *testing.T, dir string, files int, owner uint32) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != files {
		t.Fatalf("got files %v, %v, want %d", entries, err, files)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != owner {
			t.Errorf("%s belongs to %v, want %d", entry.Name(), info.Sys(), owner)
		}
	}
}
