package cli_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/keeper"
)

// tenant is an agent whose notes are in a data folder of its own, and whose bundles
// are in a root that others may share.
type tenant struct {
	*agent

	dir string // the data folder
}

// newTenant makes an agent at home, with n notes.
func newTenant(t *testing.T, home, root string, n int) *tenant {
	t.Helper()
	a := &tenant{agent: bare(t)}
	a.home, a.dir = home, filepath.Join(home, "data")
	a.mkdir(a.dir)
	a.write(filepath.Join(home, "keepsake.yaml"), fmt.Sprintf("preset: none\ndata-dir: data\nbackup-root: %s\nsources:\n  notes: files:data/notes/*.md\n", root))
	a.notes(n)
	return a
}

func (a *tenant) notes(n int) {
	a.t.Helper()
	for i := range n {
		a.write(filepath.Join(a.dir, "notes", fmt.Sprintf("%02d.md", i)), fmt.Sprintf("note %d of %s\n", i, a.dir))
	}
}

// lost empties the data folder, and puts n notes there.
func (a *tenant) lost(n int) {
	a.t.Helper()
	if err := os.RemoveAll(a.dir); err != nil {
		a.t.Fatal(err)
	}
	a.mkdir(a.dir)
	a.notes(n)
}

// copiedTo is an agent whose data folder is a copy of this one's.
func (a *tenant) copiedTo(home string) *tenant {
	a.t.Helper()
	b := &tenant{agent: bare(a.t)}
	b.home, b.dir, b.clock = home, filepath.Join(home, "data"), a.clock.Add(time.Hour)
	if err := os.CopyFS(home, os.DirFS(a.home)); err != nil {
		a.t.Fatal(err)
	}
	return b
}

// identity is what memory.json says.
func (a *tenant) identity() (id struct {
	MemoryID, ClonedFrom   string
	LastSequence           int64
	Places                 []struct{ DataDir, Machine string }
	Also, MaybeSameAs, Not []string
},
) {
	a.t.Helper()
	data := readFile(a.t, filepath.Join(a.dir, ".keepsake", "memory.json"))
	if err := json.Unmarshal([]byte(data), &id); err != nil {
		a.t.Fatal(err)
	}
	return id
}

// meta is that of a bundle that a backup just made.
func (a *tenant) meta(code int, args ...string) *bundle.Keepsake {
	a.t.Helper()
	path, ok := a.json(code, append([]string{"backup"}, args...)...)["path"].(string)
	if !ok {
		a.t.Fatal("no bundle was made")
	}
	b, err := bundle.Open(path, bundle.Limits{})
	if err != nil {
		a.t.Fatal(err)
	}
	return b.Meta().Keepsake
}

// latest is the name that list gives to the latest good bundle.
func (a *tenant) latest() string {
	a.t.Helper()
	_, name, _ := strings.Cut(a.must(0, "list").stdout, "latest good: ")
	return strings.TrimSpace(name)
}

// names are the bundles of a root.
func names(t *testing.T, root string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), bundle.Prefix) {
			all = append(all, e.Name())
		}
	}
	return all
}

// TestTrue_16_LostAndCron: the data folder is lost, and the daily backup runs once: no
// empty bundle is the latest, nothing is removed, and the old memory goes on once
// somebody says so.
func TestTrue_16_LostAndCron(t *testing.T) {
	root := t.TempDir()
	a := newTenant(t, t.TempDir(), root, 3)
	first := a.meta(0)
	good := a.latest()
	a.lost(1)
	words := func(r result) string { return strings.Join(strings.Fields(r.stdout), " ") }
	says(t, words(a.must(1, "doctor")), "warning memory: the data folder has no id, and memory "+first.MemoryID+" was backed up from it")
	says(t, a.must(3, "backup", "--dry-run").stderr, "isn't settled", "keepsake memory is "+first.MemoryID)
	r := a.run("backup")
	if r.code != 3 {
		t.Fatalf("got %d, want 3\n%s%s", r.code, r.stdout, r.stderr)
	}
	says(t, r.stderr, "memory "+first.MemoryID+" was backed up from this folder", "keepsake memory is "+first.MemoryID, "keepsake memory new")
	says(t, r.stdout, "degraded")
	meanwhile := a.meta(3)
	if meanwhile.MemoryID == first.MemoryID || meanwhile.MaybeSameAs != first.MemoryID || meanwhile.Status != bundle.Degraded || meanwhile.Sequence <= first.Sequence {
		t.Errorf("got %+v, want a new id that may be the old one, counted on", meanwhile)
	}
	silent(t, a.must(0, "list").stdout, "latest good: backup-")
	for _, args := range [][]string{{"restore", "latest"}, {"show", "latest"}} {
		says(t, a.must(10, args...).stderr, "isn't settled", "keepsake memory is "+first.MemoryID)
	}
	says(t, a.must(6, "restore", good).stderr, "may be that one", "keepsake memory is "+first.MemoryID)
	a.clock = a.clock.AddDate(1, 0, 0)
	says(t, a.must(0, "prune", "--accept-mass-prune").stderr+a.must(0, "list").stdout, "isn't settled")
	if got := names(t, root); len(got) != 3 {
		t.Fatalf("got %q, want that nothing was removed", got)
	}
	says(t, a.must(0, "memory").stdout, "may be", first.MemoryID)
	says(t, words(a.must(1, "doctor")), "problem memory: whose memory this is isn't settled", "keepsake memory is "+first.MemoryID)
	says(t, a.must(0, "memory", "is", first.MemoryID).stdout, first.MemoryID, "was called", meanwhile.MemoryID)
	if id := a.identity(); id.MemoryID != first.MemoryID || len(id.MaybeSameAs) != 0 || id.LastSequence < meanwhile.Sequence {
		t.Errorf("got %+v", id)
	}
	says(t, a.must(0, "memory", "is", first.MemoryID).stdout, "Nothing to do")
	if got := a.latest(); got != good {
		t.Errorf("got latest %q, want %q", got, good)
	}
	says(t, words(a.run("doctor")), "ok memory: "+first.MemoryID+" at "+a.dir)
	a.must(0, "restore", "latest")
	if entries, err := os.ReadDir(filepath.Join(a.dir, "notes")); err != nil || len(entries) != 3 {
		t.Errorf("got notes %v, %v, want all three", entries, err)
	}
	a.must(0, "verify", names(t, root)[1])
	a.must(0, "restore", names(t, root)[1], "--dry-run") // it lacks nothing, whoever's it was
	after := a.meta(0)
	if after.MemoryID != first.MemoryID || after.Sequence <= meanwhile.Sequence || after.MaybeSameAs != "" || after.Parent == nil || after.Parent.Bundle != good {
		t.Errorf("got %+v, want the next of the old memory", after)
	}
}

// TestTrue_16_AnotherInItsPlace: who says that it is another memory has one: what was
// there before is nobody's any more, and stays.
func TestTrue_16_AnotherInItsPlace(t *testing.T) {
	root := t.TempDir()
	a := newTenant(t, t.TempDir(), root, 3)
	first := a.meta(0)
	oldest := names(t, root)[0]
	a.lost(2)
	doubt := a.meta(3)
	a.must(0, "memory", "new")
	again := a.meta(0)
	if again.MemoryID != doubt.MemoryID || again.MaybeSameAs != "" || again.ClonedFrom != "" {
		t.Errorf("got %+v, want the new memory, settled", again)
	}
	a.clock = a.clock.AddDate(1, 0, 0)
	a.must(0, "prune", "--accept-mass-prune")
	if got := names(t, root)[0]; got != oldest {
		t.Errorf("got oldest bundle %s, want %s", got, oldest)
	}
	t.Run("SaidBefore", func(t *testing.T) {
		a.lost(2)
		says(t, a.must(0, "memory").stdout, "no id", "may be", first.MemoryID)
		a.must(0, "memory", "new")
		if k := a.meta(0); k.MaybeSameAs != "" {
			t.Errorf("got %+v, want nothing in doubt", k)
		}
	})
	t.Run("IsBefore", func(t *testing.T) {
		a.lost(2)
		a.must(0, "memory", "is", first.MemoryID)
		if k := a.meta(0); k.MemoryID != first.MemoryID {
			t.Errorf("got %+v, want the first memory", k)
		}
	})
}

// TestTrue_16_Copied: a copy of the data folder has the id of its original. Neither
// takes the bundles of the other for its own, and neither removes one.
func TestTrue_16_Copied(t *testing.T) {
	root := t.TempDir()
	a := newTenant(t, t.TempDir(), root, 3)
	first := a.meta(0)
	b := a.copiedTo(filepath.Join(t.TempDir(), "b"))
	r := b.must(3, "backup")
	says(t, r.stderr, "lives at "+a.dir, "memory moved", "memory here", "memory new")
	a.clock = b.clock.Add(time.Hour)
	doubt := b.meta(3)
	if doubt.MaybeSameAs != first.MemoryID {
		t.Errorf("got %+v, want it in doubt", doubt)
	}
	says(t, a.must(0, "backup").stderr, "2 bundles of this memory's id were made elsewhere", b.dir)
	says(t, strings.Join(strings.Fields(a.must(0, "list").stdout), " "), "is of another memory, "+first.MemoryID+" at "+b.dir)
	says(t, a.must(0, "memory").stdout, "of copies", b.dir)
	if got := a.latest(); got == names(t, root)[1] || got == names(t, root)[2] {
		t.Errorf("got latest %s, which the copy made", got)
	}
	says(t, b.must(2, "memory", "is", first.MemoryID).stderr, "lives at another place", "keepsake memory moved")
	b.must(0, "memory", "new")
	b.clock = a.clock.Add(time.Hour)
	own := b.meta(0)
	if own.MemoryID == first.MemoryID || own.ClonedFrom != first.MemoryID {
		t.Errorf("got %+v, want a memory of its own, made out of the first", own)
	}
	all := names(t, root)
	b.must(0, "restore", all[0]) // of the original, without force
	b.clock = b.clock.AddDate(1, 0, 0)
	b.must(0, "prune", "--accept-mass-prune") // what it had made in doubt may go
	a.clock = b.clock
	a.must(0, "prune", "--accept-mass-prune")
	if got, want := names(t, root), []string{all[0], all[3], all[4]}; !slices.Equal(got, want) {
		t.Errorf("got %q, want those of the original and the copy's own, %q", got, want)
	}
}

// TestTrue_16_Moved: a data folder that was moved takes its bundles along, when
// somebody says so; on the same disk its device and inode say it.
func TestTrue_16_Moved(t *testing.T) {
	root, disk := t.TempDir(), t.TempDir()
	a := newTenant(t, t.TempDir(), root, 3)
	first := a.meta(0)
	t.Run("ToAnotherDisk", func(t *testing.T) {
		b := a.copiedTo(filepath.Join(disk, "b"))
		if err := os.RemoveAll(a.home); err != nil {
			t.Fatal(err)
		}
		b.must(3, "backup")
		says(t, b.must(0, "memory", "moved").stdout, "lives at     "+b.dir, "lived at     "+a.dir)
		says(t, b.must(0, "memory", "moved").stdout, "Nothing to do")
		k := b.meta(0)
		if k.MemoryID != first.MemoryID || k.MaybeSameAs != "" || k.Place.DataDir != b.dir {
			t.Errorf("got %+v, want the same memory", k)
		}
		b.clock = b.clock.AddDate(1, 0, 0)
		says(t, b.must(0, "list").stdout, "keep, is one of the newest 3")
		silent(t, b.must(0, "list").stdout, "another memory")
		a.agent, a.dir, a.home = b.agent, b.dir, b.home
	})
	t.Run("OnTheDisk", func(t *testing.T) {
		moved := a.home + "-moved"
		if err := os.Rename(a.home, moved); err != nil {
			t.Fatal(err)
		}
		a.home, a.dir = moved, filepath.Join(moved, "data")
		says(t, a.must(0, "backup").stderr, "the data folder is the same as before, and is reached as "+a.dir)
		if k := a.meta(0); k.MemoryID != first.MemoryID || k.Place.DataDir != a.dir {
			t.Errorf("got %+v, want the same memory", k)
		}
	})
	t.Run("ToAnotherMachine", func(*testing.T) {
		a.host = keeper.Host{MachineID: "ffffffffffffffffffffffffffffffff"}
		a.must(3, "backup")
		a.must(0, "memory", "moved")
		a.must(0, "backup")
		a.host = keeper.Host{MachineID: testMachine}
		a.must(3, "backup")
	})
}

// TestTrue_16_TwoPaths: one folder that is reached by two paths is one place, as a
// container and its host see it.
func TestTrue_16_TwoPaths(t *testing.T) {
	t.Run("Link", func(t *testing.T) {
		a := newTenant(t, t.TempDir(), t.TempDir(), 3)
		a.must(0, "backup")
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(a.home, link); err != nil {
			t.Fatal(err)
		}
		a.home = link
		a.must(0, "backup")
		if got := a.identity().Places; len(got) != 1 {
			t.Errorf("got places %v, want one", got)
		}
	})
	t.Run("Mount", func(t *testing.T) {
		a := newTenant(t, t.TempDir(), t.TempDir(), 3)
		first := a.meta(0)
		mounted := t.TempDir()
		bind(t, a.home, mounted)
		a.home, a.host = mounted, keeper.Host{MachineID: "x", Container: true}
		if k := a.meta(0); k.MemoryID != first.MemoryID || k.Place.Machine != "" || k.Place.DataDir != filepath.Join(mounted, "data") {
			t.Errorf("got %+v, want the same memory by another path", k)
		}
		a.clock = a.clock.AddDate(1, 0, 0)
		silent(t, a.must(0, "list").stdout, "another memory")
	})
	t.Run("Said", func(t *testing.T) { // where no inode tells, as over a network
		root := t.TempDir()
		a := newTenant(t, t.TempDir(), root, 3)
		first := a.meta(0)
		b := a.copiedTo(filepath.Join(t.TempDir(), "b"))
		b.host = keeper.Host{Container: true}
		b.must(3, "backup")
		says(t, b.must(0, "memory", "here").stdout, "lives at     "+a.dir, "lives at     "+b.dir)
		says(t, b.must(0, "memory", "here").stdout, "Nothing to do")
		if k := b.meta(0); k.MemoryID != first.MemoryID || k.MaybeSameAs != "" {
			t.Errorf("got %+v, want the same memory", k)
		}
		silent(t, b.must(0, "list").stdout, "another memory")
	})
}

// TestTrue_16_MergedElsewhere: what is restored into a fresh folder elsewhere is a
// memory of its own: it takes the bundles of the one that it was made out of, and
// removes none of them.
func TestTrue_16_MergedElsewhere(t *testing.T) {
	root := t.TempDir()
	a := newTenant(t, t.TempDir(), root, 3)
	first := a.meta(0)
	for range 4 {
		a.must(0, "backup")
	}
	original := names(t, root)
	b := newTenant(t, t.TempDir(), root, 0)
	b.clock = a.clock.AddDate(0, 0, 40)
	says(t, b.must(0, "restore", "latest").stderr, "a memory of its own now", "made out of "+first.MemoryID, "keepsake memory is "+first.MemoryID)
	if id := b.identity(); id.MemoryID == first.MemoryID || id.ClonedFrom != first.MemoryID {
		t.Fatalf("got %+v, want a clone", id)
	}
	if err := os.RemoveAll(filepath.Join(b.dir, "notes")); err != nil { // as if it had been cut short
		t.Fatal(err)
	}
	b.notes(1)
	says(t, b.must(3, "backup").stderr, "suspect")
	b.must(0, "restore", "latest") // it has nothing good of its own yet
	for range 5 {
		b.clock = b.clock.AddDate(0, 0, 20)
		if k := b.meta(0); k.ClonedFrom != first.MemoryID || k.MaybeSameAs != "" {
			t.Errorf("got %+v", k)
		}
	}
	b.must(0, "prune", "--accept-mass-prune")
	left := names(t, root)
	for _, name := range original {
		says(t, strings.Join(left, " "), name)
	}
	b.must(0, "restore", original[0]) // without force
}

// TestTrue_16_Adopted: at the place that the bundle names the memory is that one, on
// a machine that is known; in a container it is a clone, until somebody says else.
func TestTrue_16_Adopted(t *testing.T) {
	for name, host := range map[string]keeper.Host{
		"Machine": {MachineID: testMachine}, "Container": {MachineID: testMachine, Container: true}, "NoID": {},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			a := newTenant(t, t.TempDir(), root, 3)
			a.host = host
			first := a.meta(0)
			if known := first.Place.Machine != ""; known != (name == "Machine") {
				t.Errorf("got place %v", first.Place)
			}
			a.lost(0)
			a.must(0, "restore", "latest")
			cloned := a.identity().MemoryID != first.MemoryID
			if cloned == (name == "Machine") {
				t.Errorf("got a clone: %t", cloned)
			}
			if a.meta(0); cloned {
				a.must(0, "memory", "is", first.MemoryID)
			}
			k := a.meta(0)
			if k.MemoryID != first.MemoryID || k.Sequence != 3 {
				t.Errorf("got %+v, want the third of the first memory", k)
			}
			a.clock = a.clock.AddDate(1, 0, 0)
			silent(t, a.must(0, "list").stdout, "another memory")
		})
	}
}

// TestTrue_16_OlderThanPlaces: a memory.json and bundles without a place belong to
// the place where they are found; that is said once.
func TestTrue_16_OlderThanPlaces(t *testing.T) {
	root := t.TempDir()
	a := newTenant(t, t.TempDir(), root, 3)
	first := a.meta(0)
	path := filepath.Join(a.dir, ".keepsake", "memory.json")
	a.write(path, fmt.Sprintf(`{"memoryId":%q,"createdAt":"2026-11-22T09:00:00Z","lastSequence":1}`, first.MemoryID))
	withoutPlace(t, filepath.Join(root, names(t, root)[0]))
	says(t, a.must(0, "backup").stderr, "bound to its place from now on, and its older bundles to it: "+a.dir)
	silent(t, a.must(0, "backup").stderr, "bound to its place")
	silent(t, a.must(0, "list").stdout, "another memory")
	t.Run("Lost", func(t *testing.T) {
		for _, name := range names(t, root)[1:] {
			if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		}
		a.lost(1)
		if k := a.meta(3); k.MaybeSameAs != first.MemoryID {
			t.Errorf("got %+v, want it to be asked", k)
		}
	})
	t.Run("Restored", func(t *testing.T) {
		a.lost(0)
		a.must(0, "restore", names(t, root)[0])
		if id := a.identity(); id.ClonedFrom != first.MemoryID {
			t.Errorf("got %+v, want a clone: nothing proves where the bundle was made", id)
		}
	})
}

// TestTrue_16_Damaged: a memory.json that can't be read is no absent one.
func TestTrue_16_Damaged(t *testing.T) {
	a := newTenant(t, t.TempDir(), t.TempDir(), 3)
	a.must(0, "backup")
	path := filepath.Join(a.dir, ".keepsake", "memory.json")
	a.write(path, "{")
	for _, args := range [][]string{{"backup"}, {"backup", "--dry-run"}, {"memory"}, {"memory", "new"}, {"memory", "moved"}, {"memory", "here"}, {"prune"}, {"restore", "latest"}} {
		says(t, a.must(1, args...).stderr, "memory identity is not valid")
	}
	if got := readFile(t, path); got != "{" {
		t.Errorf("got %q, want it as it was", got)
	}
}

// TestTrue_16_NoMachineInClear: the machine's id is in no file and no output, of this
// machine's own neither.
func TestTrue_16_NoMachineInClear(t *testing.T) {
	root := t.TempDir()
	a := newTenant(t, t.TempDir(), root, 3)
	said := a.must(0, "backup", "--log-level", "debug")
	said.stdout += a.must(0, "memory").stdout + a.must(0, "memory", "--json").stdout + a.must(0, "show", "latest", "--json").stdout + said.stderr
	silent(t, said.stdout, testMachine, testMachine[:8])
	own, _ := os.ReadFile("/etc/machine-id")
	a.env[realHostEnv] = "1"
	cmd, out := a.command(t.Context(), "backup")
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 3 { // it may well be another machine
		t.Fatalf("got %v\n%s", err, out)
	}
	ids := []string{testMachine}
	if id := strings.TrimSpace(string(own)); id != "" {
		ids = append(ids, id)
	}
	for _, dir := range []string{root, a.home} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			silent(t, readFile(t, path), ids...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	silent(t, out.String(), ids...)
}

// TestTrue_16_KilledAnswer: an answer that is cut short is one that was given, or none.
func TestTrue_16_KilledAnswer(t *testing.T) {
	root := t.TempDir()
	a := newTenant(t, t.TempDir(), root, 3)
	first := a.meta(0)
	a.lost(1)
	doubt := a.meta(3)
	path := filepath.Join(a.dir, ".keepsake", "memory.json")
	before := readFile(t, path)
	var given, none int
	for i := range 40 {
		a.write(path, before)
		a.killedAfter(time.Duration(i)*time.Millisecond, "memory", "is", first.MemoryID)
		switch id := a.identity(); {
		case id.MemoryID == first.MemoryID && len(id.Also) == 1 && id.Also[0] == doubt.MemoryID && len(id.MaybeSameAs) == 0:
			given++
		case readFile(t, path) == before:
			none++
		default:
			t.Errorf("killed after %d ms: got %+v", i, id)
		}
	}
	t.Logf("%d were given, %d were not", given, none)
	a.must(0, "memory", "is", first.MemoryID)
	a.must(0, "restore", "latest")
	a.must(0, "backup")
}
