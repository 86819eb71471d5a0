package restore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/restore"
)

// The environment of a child that replaces and dies.
const (
	childDir  = "KEEPSAKE_TEST_DESK"
	childDies = "KEEPSAKE_TEST_DIES_AT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir, os.Getenv(childDies)))
	}
	if dir := os.Getenv(yardDir); dir != "" {
		os.Exit(yardChild(dir))
	}
	os.Exit(m.Run())
}

// child replaces as a process of its own, and kills itself before a step.
func child(dir, at string) int {
	n, err := strconv.Atoi(at)
	if err != nil {
		return 3
	}
	d := &desk{dir: dir, before: func(string) {
		if n--; n == 0 {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			select {} // until it takes effect
		}
	}}
	if _, err := d.replace(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKilledReplace kills a replace before every step that it takes: each section
// is then the old or the new one, and the same command ends with the new ones,
// without a new token.
func TestKilledReplace(t *testing.T) {
	for n := 1; ; n++ {
		d := newDesk(t)
		if err := d.token(t.Context()); err != nil {
			t.Fatal(err)
		}
		if finished := d.killedAt(t, n); finished {
			if n < 20 {
				t.Fatalf("got %d steps, want at least 20", n)
			}
			return
		}
		d.oldOrNew(t, n)
		r, err := d.replace(t.Context())
		if err != nil || !r.Complete {
			t.Fatalf("killed at step %d, then again: got %v", n, err)
		}
		if got := d.holds(t); !maps.Equal(got, newFiles()) {
			t.Fatalf("killed at step %d, then again: got %q, want %q", n, got, newFiles())
		}
		if left, err := restore.FindUnfinished(d.at("restores")); err != nil || len(left) > 0 {
			t.Fatalf("killed at step %d, then again: got %d unfinished plans, %v", n, len(left), err)
		}
	}
}

// killedAt runs a child that dies at its n-th step, and reports whether it came to
// its end before.
func (d *desk) killedAt(t *testing.T, n int) (finished bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), childDir+"="+d.dir, childDies+"="+strconv.Itoa(n))
	out, err := c.CombinedOutput()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return true
	case errors.As(err, &ended) && ended.ExitCode() == -1:
		return false
	}
	t.Fatalf("child at step %d: %v\n%s", n, err, out)
	return false
}

// oldOrNew wants each file to be one of the two, and beside them at most what was
// staged.
func (d *desk) oldOrNew(t *testing.T, n int) {
	t.Helper()
	got := d.holds(t)
	for _, s := range []memory.Section{nodes, edges} {
		if got[s] != oldFiles()[s] && got[s] != newFiles()[s] {
			t.Errorf("killed at step %d: %s is %q, want the old or the new one", n, s, got[s])
		}
	}
}
