package sqlitefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// TestFullDisk: what SQLite reports of a full disk is that, whatever it was about to
// write.
func TestFullDisk(t *testing.T) {
	for name, tt := range map[string]struct {
		journal string
		mode    sqlitefile.Mode
		do      string
	}{
		"Write":       {"delete", sqlitefile.ReadWrite, "INSERT INTO t VALUES (zeroblob(3000000))"},
		"WriteToLog":  {"wal", sqlitefile.ReadWrite, "INSERT INTO t VALUES (zeroblob(3000000))"},
		"SharedIndex": {"wal", sqlitefile.ReadOnly, "SELECT count(*) FROM t"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
				t.Skip("no small disk can be made: ", err)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(dir, 0); err != nil {
					t.Error(err)
				}
			})
			path := filepath.Join(dir, "a.sqlite")
			_ = must(t, open(t, path, sqlitefile.Create), "PRAGMA journal_mode = "+tt.journal, "CREATE TABLE t (a)").Close()
			full, err := os.Create(filepath.Join(dir, "filler"))
			if err != nil {
				t.Fatal(err)
			}
			defer full.Close()
			for err == nil {
				_, err = full.Write(make([]byte, 4096))
			}
			c, err := sqlitefile.Open(t.Context(), path, tt.mode, time.Second)
			if err == nil {
				defer c.Close()
				err = c.Exec(t.Context(), tt.do)
			}
			if got := sqlitefile.Explain("the database", err, store.ErrUnreadable); !errors.Is(got, syscall.ENOSPC) || errors.Is(got, store.ErrUnreadable) {
				t.Errorf("got %v, code %d, want ENOSPC alone", got, sqlitefile.Code(err))
			}
		})
	}
}
