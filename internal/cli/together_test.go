package cli_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keepsake/internal/cli"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
)

// TestT1_KilledBackup kills a backup at its requests. What is then there are whole
// bundles and at most one residue, which the next backup removes.
func TestT1_KilledBackup(t *testing.T) {
	t.Parallel()
	k := newAgent(t, true).killable()
	k.remember()
	k.backup()
	for _, s := range []series{
		{"before any request", every, false, 1, 5, 4},
		{"after any request", every, true, 3, 5, 4},
	} {
		s.moments(t, func(at moment, _ int) bool {
			kept := len(k.bundles())
			request := k.killed(at, every, "backup")
			if request == "" {
				return false
			}
			if got := len(k.bundles()); got != kept {
				t.Errorf("%s (%s): got %d bundles, want the %d that there were", at, request, got, kept)
			}
			if got := k.residue(); len(got) > 1 {
				t.Errorf("%s (%s): got residue %q, want one at the most", at, request, got)
			}
			k.must(0, "backup")
			if got := k.residue(); len(got) > 0 {
				t.Errorf("%s (%s): got residue %q after the next backup, want none", at, request, got)
			}
			k.must(0, "verify", "--all")
			return true
		})
	}
}

// bundles lists the folders that pass for bundles.
func (a *agent) bundles() (names []string) {
	a.t.Helper()
	for _, name := range a.rootEntries() {
		if strings.HasPrefix(name, "backup-") {
			names = append(names, name)
		}
	}
	return names
}

// residue lists what killed runs left in the backup root.
func (a *agent) residue() (names []string) {
	a.t.Helper()
	for _, name := range a.rootEntries() {
		if strings.HasPrefix(name, ".backup-partial-") || strings.HasPrefix(name, ".backup-trash-") {
			names = append(names, name)
		}
	}
	return names
}

// TestT9_Together runs pairs of commands at once: none spoils the other, and no
// bundle goes while somebody uses it. What they are kept apart by is tried 500
// times in package lock; here it is 30 pairs, with KEEPSAKE_TEST_FULL 500.
func TestT9_Together(t *testing.T) {
	t.Parallel()
	pairs := 30
	if os.Getenv("KEEPSAKE_TEST_FULL") != "" {
		pairs = 500
	}
	a := bare(t)
	a.remember(memory.TrajectoryLog)
	a.write(filepath.Join(a.home, "keepsake.yaml"), "retention:\n  keep: 2\n  days: 1\n")
	a.backup("--only", "trajectories")
	commands := [][]string{
		{"backup", "--only", "trajectories"},
		{"prune", "--accept-mass-prune"},
		{"verify", "--all"},
		{"restore", "latest", "--only", "trajectories"},
		{"list"},
	}
	random := rand.New(rand.NewPCG(9, 9))
	now := time.Now()
	for range pairs {
		now = now.Add(6 * time.Hour) // so that bundles grow old
		var both sync.WaitGroup
		for i := range 2 {
			args := commands[random.IntN(len(commands))]
			at := now.Add(time.Duration(i) * time.Minute)
			both.Go(func() {
				if code, out := a.beside(at, append(args, "--lock-wait", "1m")...); code != 0 {
					t.Errorf("keepsake %s: got exit code %d, want 0\n%s", strings.Join(args, " "), code, out)
				}
			})
		}
		both.Wait()
		if t.Failed() {
			return
		}
	}
	if n := len(a.bundles()); n < 2 {
		t.Errorf("got %d bundles, want at least 2", n)
	}
	if got := a.residue(); len(got) > 0 {
		t.Errorf("got residue %q, want none", got)
	}
}

// beside runs a command that others may run at the same time.
func (a *agent) beside(at time.Time, args ...string) (code int, out string) {
	began := time.Now()
	var both bytes.Buffer
	code = cli.Run(context.Background(), cli.Process{
		Args: args, Dir: a.home, LookupEnv: func(name string) (string, bool) { v, ok := a.env[name]; return v, ok },
		Now:   func() time.Time { return at.Add(time.Since(began)) },
		Stdin: strings.NewReader(""), Stdout: &both, Stderr: &both, FS: a.disk,
		Host: func() keeper.Host { return a.host },
	})
	return code, both.String()
}
