package catalog_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/catalog"
	"keepsake/internal/lock"
)

// Only what a dead process left is removed.
func TestRemoveDeadPartials(t *testing.T) {
	me := lock.Owner{PID: 100, Host: "host", BootID: "boot"}
	running := func(o lock.Owner) (alive, known bool) { return o.PID == 200, true }
	unknown := func(lock.Owner) (alive, known bool) { return true, false }
	for _, c := range []struct {
		name  string
		owner string // "" writes none
		alive func(lock.Owner) (alive, known bool)
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
		{"IDMayBeReused", `{"pid":300,"host":"host","bootId":"boot"}`, unknown, false},
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
			before := bundletest.State(t, root)
			got, err := catalog.RemoveDeadPartials(catalog.PartialOptions{Root: root, Me: me, Alive: c.alive})
			if err != nil {
				t.Fatal(err)
			}
			if want := c.dead; slices.Equal(got, []string{name}) != want || len(got) > 1 {
				t.Errorf("removed %v, want %t", got, want)
			}
			if c.dead && len(bundletest.Names(t, root)) != 0 || !c.dead && bundletest.State(t, root) != before {
				t.Errorf("root holds %v", bundletest.Names(t, root))
			}
		})
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
	before := bundletest.State(t, root)
	got, err := catalog.RemoveDeadPartials(catalog.PartialOptions{Root: root})
	if err != nil || len(got) != 0 || bundletest.State(t, root) != before {
		t.Errorf("removed %v, %v; root holds %v", got, err, bundletest.Names(t, root))
	}
	if got, err := catalog.RemoveDeadPartials(catalog.PartialOptions{Root: filepath.Join(root, "absent")}); err != nil || got != nil {
		t.Errorf("without a root: %v, %v", got, err)
	}
}
