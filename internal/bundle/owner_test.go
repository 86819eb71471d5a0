package bundle_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"keepsake/internal/bundle"
)

// Only what a dead process left is removed.
func TestRemoveDeadPartials(t *testing.T) {
	me := bundle.Owner{PID: 100, Host: "host", BootID: "boot"}
	running := func(pid int) bool { return pid == 200 }
	for _, c := range []struct {
		name  string
		owner string // "" writes none
		alive func(int) bool
		dead  bool
	}{
		{"NoOwner", "", running, true},
		{"Torn", `{"pid":`, running, true},
		{"Empty", ` `, running, true},
		{"EarlierBoot", `{"pid":200,"host":"host","bootId":"before"}`, running, true},
		{"Ended", `{"pid":300,"host":"host","bootId":"boot"}`, running, true},
		{"OurOwnIDReused", `{"pid":100,"host":"host","bootId":"boot"}`, running, true},
		{"Running", `{"pid":200,"host":"host","bootId":"boot"}`, running, false},
		{"AnotherMachine", `{"pid":300,"host":"elsewhere","bootId":"before"}`, running, false},
		{"CannotTell", `{"pid":300,"host":"host","bootId":"boot"}`, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			name := bundle.PartialPrefix + sampleTime + "-ABCDEFGH"
			if err := os.MkdirAll(filepath.Join(root, name, "kb"), 0o700); err != nil {
				t.Fatal(err)
			}
			if c.owner != "" {
				if err := os.WriteFile(filepath.Join(root, name, ".keepsake-owner.json"), []byte(c.owner), 0o400); err != nil {
					t.Fatal(err)
				}
			}
			before := state(t, root)
			got, err := bundle.RemoveDeadPartials(bundle.PartialOptions{Root: root, Me: me, Alive: c.alive})
			if err != nil {
				t.Fatal(err)
			}
			if want := c.dead; slices.Equal(got, []string{name}) != want || len(got) > 1 {
				t.Errorf("removed %v, want %t", got, want)
			}
			if c.dead && len(names(t, root)) != 0 || !c.dead && state(t, root) != before {
				t.Errorf("root holds %v", names(t, root))
			}
		})
	}
}

// A writer that is at work keeps its partial, whatever its owner file looks like
// from outside.
func TestWorkingPartialStays(t *testing.T) {
	opts := options(t, t.TempDir())
	w, err := bundle.Create(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, me := range []bundle.Owner{opts.Owner, {PID: 1, Host: "host", BootID: "later"}} {
		got, err := bundle.RemoveDeadPartials(bundle.PartialOptions{Root: opts.Root, Me: me, Alive: func(int) bool { return false }})
		if err != nil || len(got) != 0 {
			t.Errorf("removed %v, %v", got, err)
		}
	}
	if _, err := w.Publish(context.Background(), metaOf(t, w, sampleParts()[0])); err != nil {
		t.Error(err)
	}
}

// Names that nobody here made are nobody's business here.
func TestForeignPartialsStay(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{
		bundle.PartialPrefix, bundle.PartialPrefix + "x", bundle.PartialPrefix + sampleTime, bundle.PartialPrefix + sampleTime + "-ABC",
		bundle.PartialPrefix + sampleTime + "-ABCDEFGHI", bundle.PartialPrefix + "2026-13-22T22-41-33.610Z-ABCDEFGH", sampleName, "backup-1", bundle.TrashPrefix + "x",
	} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(root, "backup-1"), filepath.Join(root, bundle.PartialPrefix+sampleTime+"-ABCDEFGH")); err != nil {
		t.Skip(err)
	}
	before := state(t, root)
	got, err := bundle.RemoveDeadPartials(bundle.PartialOptions{Root: root})
	if err != nil || len(got) != 0 || state(t, root) != before {
		t.Errorf("removed %v, %v; root holds %v", got, err, names(t, root))
	}
	if got, err := bundle.RemoveDeadPartials(bundle.PartialOptions{Root: filepath.Join(root, "absent")}); err != nil || got != nil {
		t.Errorf("without a root: %v, %v", got, err)
	}
}
