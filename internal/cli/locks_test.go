package cli_test

import (
	"path/filepath"
	"testing"
	"time"

	"keepsake/internal/lock"
	"keepsake/internal/memory"
)

// another is a run of this machine that holds a lock.
func another(t *testing.T, path string, mode lock.Mode) *lock.Lock {
	t.Helper()
	l, err := lock.Acquire(t.Context(), lock.Options{Path: path, Mode: mode, Me: lock.Owner{
		PID: 4242, Host: "elsewhere", BootID: "b", Command: "keepsake backup", Since: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func release(t *testing.T, l *lock.Lock) {
	t.Helper()
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

// A held lease ended with exit 0 and no bundle, and backups starved for a day,
// unseen.
func TestIncidentJ_HeldLockIsNoSuccess(t *testing.T) {
	a := bare(t)
	a.remember(memory.TrajectoryLog, memory.Graph)
	only := []string{"--only", "trajectories,graph"}
	bundle := a.backup(only...)
	root, target := a.data("backups", ".lock"), a.data(".keepsake", "lock")
	all := map[string][]string{
		"backup":  append([]string{"backup"}, only...),
		"restore": {"restore", bundle},
		"replace": {"restore", bundle, "--mode", "replace", "--force"},
		"undo":    {"undo"},
		"prune":   {"prune"},
		"unlock":  {"unlock"},
	}
	for _, tt := range []struct {
		name string
		path string
		mode lock.Mode
		runs []string
	}{
		{"root alone", root, lock.Exclusive, []string{"backup", "restore", "replace", "undo", "prune", "unlock"}},
		{"root shared", root, lock.Shared, []string{"backup", "replace", "undo", "prune", "unlock"}},
		{"target alone", target, lock.Exclusive, []string{"backup", "restore", "replace", "undo", "unlock"}},
	} {
		a.sub(tt.name, func(t *testing.T) {
			held := another(t, tt.path, tt.mode)
			for _, name := range tt.runs {
				r := a.refuses(11, all[name]...)
				says(t, r.stderr, "held by keepsake backup (process 4242 on elsewhere) since 2026-11-22T08:00:00Z")
			}
			release(t, held)
		})
	}
	a.must(0, all["backup"]...)
	a.must(0, all["restore"]...)
}

// TestLockWait gives another run the time that it was given to end in.
func TestLockWait(t *testing.T) {
	a := bare(t)
	a.remember(memory.TrajectoryLog)
	a.backup("--only", "trajectories")
	held := another(t, a.data("backups", ".lock"), lock.Exclusive)
	a.must(11, "backup", "--only", "trajectories", "--lock-wait", "20ms")
	ended := make(chan result)
	go func() { ended <- a.run("backup", "--only", "trajectories", "--lock-wait", "1m") }()
	release(t, held)
	if r := <-ended; r.code != 0 {
		t.Errorf("got exit code %d, want 0: the lock was free in time\n%s", r.code, r.stderr)
	}
}

// TestReadersTogether: what only reads bundles does so beside others that do.
func TestReadersTogether(t *testing.T) {
	a := bare(t)
	a.remember(memory.TrajectoryLog)
	bundle := a.backup("--only", "trajectories")
	held := another(t, a.data("backups", ".lock"), lock.Shared)
	a.must(0, "verify", bundle)
	a.must(0, "restore", bundle)
	a.must(0, "list")
	release(t, held)
	held = another(t, a.data("backups", ".lock"), lock.Exclusive)
	a.must(11, "verify", bundle)
	a.must(0, "list")
	a.must(11, "restore", bundle, "--dry-run") // as the restore would end
	release(t, held)
}

// TestUnlock removes what another machine left, and nothing that runs.
func TestUnlock(t *testing.T) {
	a := bare(t)
	a.remember(memory.TrajectoryLog)
	a.backup("--only", "trajectories")
	a.write(filepath.Join(a.data("backups", ".lock.owners"), "exclusive-abc.json"),
		`{"pid":7,"host":"another-machine","bootId":"x","command":"keepsake backup","since":"2026-11-20T08:00:00Z"}`)
	a.must(11, "backup", "--only", "trajectories")
	r := a.must(0, "unlock")
	says(t, r.stdout, "Removed the lock", "(process 7 on another-machine)")
	a.must(0, "backup", "--only", "trajectories")
	says(t, a.must(0, "unlock").stdout, "Nothing to unlock.")
}
