package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
)

// TestTrue_19_AnEmptiedServer: a server that began on an empty folder was "ok".
func TestTrue_19_AnEmptiedServer(t *testing.T) {
	a := well(t)
	kept := filepath.Base(bundleOf(t, a.env["NEO_BACKUP_PATH"]))
	a.sub("FarFewer", func(*testing.T) {
		a.deletes(memory.Memories, a.ids(memory.Memories)[:21]...)
		a.complains("warning mc/memory: holds 19 rows, and had 40 rows in "+kept, "keepsake restore "+kept+" --only mc/memory puts it back; did the store begin on an empty folder?")
	})
	a.sub("Half", func(t *testing.T) {
		a.must(0, "restore", kept)
		a.deletes(memory.Memories, a.ids(memory.Memories)[:20]...)
		a.must(0, "doctor")
		a.write(filepath.Join(a.home, "keepsake.yaml"), "alarm:\n  lost: 40%\n")
		a.complains("warning mc/memory: holds 20 rows, and had 40 rows in " + kept)
		remove(t, a.home, "keepsake.yaml")
		a.must(0, "restore", kept)
	})
	a.sub("Empty", func(*testing.T) {
		a.deletes(memory.KnowledgeBase, a.ids(memory.KnowledgeBase)...)
		a.complains("problem kb/knowledge-base: holds 0 rows, and had 60 rows in "+kept, "--only kb/knowledge-base puts it back")
		a.must(0, "restore", kept)
		a.must(0, "doctor")
	})
	a.sub("Gone", func(*testing.T) {
		a.freshDatabases()
		a.complains("problem mc/memory: it is not there, and had 40 rows in "+kept, "--only mc/memory puts it back")
	})
}

// A replace by a smaller bundle is no loss: what it lost was agreed to.
func TestTrue_19_SmallerByARestoreOfOurs(t *testing.T) {
	a := well(t)
	small := a.lesser()
	a.env["NEO_ALLOW_PRODUCTION_DESTRUCTIVE"] = "true"
	args := []string{"restore", small, "--only", "mc/memory", "--mode", "replace", "--force", "--accept-shrink"}
	a.must(0, append(args, "--confirm", a.token(args...))...)
	a.must(0, "doctor")
	says(t, unwrapped(a.must(0, "doctor").stdout), "note kept aside: 1 part that ", "retention.safety-days is 7")
}

// lesser is a bundle of six memories, made before the others came back.
func (a *agent) lesser() string {
	a.t.Helper()
	all := a.backup()
	a.deletes(memory.Memories, a.ids(memory.Memories)[6:]...)
	lesser := a.must(3, "backup", "--only", "mc/memory").stdout
	a.must(0, "restore", all, "--only", "mc/memory")
	a.backup()
	path, _, _ := strings.Cut(lesser, "\n")
	return path
}

// TestTrue_19_VectorsThatCannotBeRead: 82 of 100 rows had lost theirs, and the first
// page of the store was fine.
func TestTrue_19_VectorsThatCannotBeRead(t *testing.T) {
	a := well(t)
	ids := a.ids(memory.Memories)
	damage := a.damaged(ids[7:]...)
	a.complains("problem mc/memory: the vector of 33 rows can't be read, of 40 that were looked at")
	damage.Store(false)
	a.must(0, "doctor")
}

// TestTrue_19_SourcesThatVanished: one line for a source, whatever it had.
func TestTrue_19_SourcesThatVanished(t *testing.T) {
	w := newWorkshop(t, "preset: chroma\nsources:\n  notes: files:notes/**/*.md\n  facts: files:facts.jsonl\n  chroma: SERVER\n")
	w.env["KEEPSAKE_BACKUP_ROOT"] = elsewhere(t)
	w.fill("aaa", 20)
	w.fill("bbb", 4)
	for i := range 300 {
		w.write(w.at("notes", fmt.Sprint(i), "note.md"), "a note\n")
	}
	w.write(w.at("facts.jsonl"), "{\"fact\":1}\n{\"fact\":2}\n")
	kept := filepath.Base(w.backup("--backup-root", w.env["KEEPSAKE_BACKUP_ROOT"]))
	doctor := func(code int) string {
		return unwrapped(w.must(code, "doctor", "--backup-root", w.env["KEEPSAKE_BACKUP_ROOT"]).stdout)
	}
	out := doctor(0)
	says(t, out, "ok source notes: 300 files with 300 rows, ", "ok facts/facts: 2 rows, ", "ok source chroma: 2 sections with 24 rows, chroma:http://")
	if n := strings.Count(out, "notes"); n > 5 {
		t.Errorf("notes are told of %d times:\n%s", n, out)
	}
	w.sub("Files", func(t *testing.T) {
		remove(t, w.home, "notes")
		w.mkdir(w.at("notes"))
		remove(t, w.home, "facts.jsonl")
		out := doctor(1)
		says(t, out, "problem source notes: holds 0 files, and had 300 files in "+kept+" keepsake restore "+kept+" --only notes puts it back",
			"holds 0 files, and had 1 file in "+kept+" keepsake restore "+kept+" --only facts")
	})
	w.sub("Collections", func(t *testing.T) { // one of those that a pattern means comes and goes, most rows don't
		w.drop("bbb")
		silent(t, doctor(1), "source chroma: holds", "chroma/aaa: holds")
		w.drop("aaa")
		w.fill("ccc", 3)
		says(t, doctor(1), "warning chroma/ccc: holds 3 rows, and had 24 rows in "+kept+" keepsake restore "+kept+" --only chroma puts it back")
	})
}

// TestTrue_19_TheNewestBundle: degraded, suspect, partial, never verified.
func TestTrue_19_TheNewestBundle(t *testing.T) {
	a := well(t)
	later := func(d time.Duration) { a.clock = a.clock.Add(d) }
	good := bundleOf(t, a.env["NEO_BACKUP_PATH"])
	a.sub("Partial", func(t *testing.T) {
		a.backup("--only", "kb")
		says(t, unwrapped(a.must(0, "doctor").stdout), " is partial: it doesn't cover mc, graph, concepts, trajectories, mailbox")
	})
	a.sub("Suspect", func(*testing.T) {
		a.deletes(memory.Memories, a.ids(memory.Memories)[:30]...)
		a.must(3, "backup")
		a.complains("warning newest bundle: backup-", " is degraded: mc/memory is suspect keepsake show backup-")
		a.must(0, "restore", good)
		a.backup()
		a.must(0, "doctor")
	})
	a.sub("Salvaged", func(*testing.T) {
		damage := a.damaged(a.ids(memory.Memories)[0])
		a.must(3, "backup")
		damage.Store(false)
		a.complains("warning newest bundle: backup-", " is degraded: mc/memory has 1 row without its vector")
		a.backup()
		a.must(0, "doctor")
	})
	a.sub("NotVerified", func(*testing.T) {
		later(9 * 24 * time.Hour)
		a.backup()
		a.complains("warning verified: no bundle was ever verified since it was made keepsake verify latest")
		a.must(0, "verify", "latest")
		a.must(0, "doctor")
	})
	a.sub("Failed", func(t *testing.T) {
		e := edited{t, filepath.Join(a.env["NEO_BACKUP_PATH"], bundleOf(t, a.env["NEO_BACKUP_PATH"]))}
		path := filepath.Join(e.dir, "concepts")
		entries, err := os.ReadDir(path)
		if err != nil || len(entries) == 0 {
			t.Fatal(entries, err)
		}
		file := filepath.Join(path, entries[0].Name())
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		e.bytes(file, func(b []byte) []byte { b[0] ^= 1; return b })
		a.must(4, "verify", filepath.Base(e.dir))
		a.complains("problem newest bundle: backup-", " did not verify")
	})
}

// TestTrue_19_ADirectoryThatStandsStill: bundles of a copy that nobody writes to were
// "complete" for weeks.
func TestTrue_19_ADirectoryThatStandsStill(t *testing.T) {
	w := newWorkshop(t, "preset: chroma\n")
	w.fill("aaa", 20)
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(w.Dir())); err != nil {
		t.Fatal(err)
	}
	config := "preset: chroma\nsources:\n  chroma:\n    store: SERVER\n    source: directory\n    directory: %s\n"
	w.configure(fmt.Sprintf(config, copied))
	doctor := func() string { return unwrapped(w.run("doctor").stdout) }
	silent(t, doctor(), "is not what its server has open")
	w.fill("more", 5)
	says(t, doctor(), "problem source chroma: ", "is not what its server has open: it has no chroma/more", "backups of it are of old rows")
	w.drop("more")
	w.drop("aaa")
	w.fill("aaa", 20)
	says(t, doctor(), "its collection of chroma/aaa is another one")
	w.configure(fmt.Sprintf(config, "DIRECTORY"))
	silent(t, doctor(), "is not what its server has open")
}

// TestTrue_19_Accepted: what the operator lives with is green, and losses never are.
func TestTrue_19_Accepted(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	a.backup()
	a.must(0, "verify", "latest", "--level", "restore")
	a.complains("warning disk: the bundles are on the disk of the data")
	a.write(filepath.Join(a.home, "keepsake.yaml"), "doctor:\n  accept: [same-disk]\n")
	says(t, unwrapped(a.must(0, "doctor").stdout), "ok disk: the bundles are on the disk of the data: who loses it loses both (accepted)")
	for _, c := range a.json(0, "doctor")["checks"].([]any) {
		if c := c.(map[string]any); c["check"] == "disk" {
			expect(t, c, "same-disk", "accepted")
		}
	}
	for _, bad := range []string{"far-less", "degraded", "[same-disk, same-disk]", "'*'"} {
		a.write(filepath.Join(a.home, "keepsake.yaml"), "doctor:\n  accept: "+bad+"\n")
		says(t, a.must(2, "doctor").stderr, "keepsake.yaml:2")
	}
}
