package cli_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The name of the audit log before Neo's restore was found to read it.
const oldAuditFile = ".guard-audit.jsonl"

// sweptByNeo lists what Neo's own restore would take for summaries: every file of
// lines that lies directly in the folder, whatever else its name is.
func sweptByNeo(t *testing.T, dir string) (swept []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() && (strings.HasSuffix(e.Name(), ".jsonl") || strings.HasSuffix(e.Name(), ".jsonl.br")) {
			swept = append(swept, e.Name())
		}
	}
	return swept
}

func (a *agent) leavesNothingToSweep(after string) {
	a.t.Helper()
	for _, dir := range []string{a.data(), a.data("backups")} {
		if swept := sweptByNeo(a.t, dir); len(swept) > 0 {
			a.t.Errorf("after %s, Neo's restore would read %q of %s as summaries", after, swept, dir)
		}
	}
}

// TestNeoSweepsNothingOfOurs: whatever keepsake does, no file of its own lies directly
// in a backup root or a data folder where Neo's restore would read it.
func TestNeoSweepsNothingOfOurs(t *testing.T) {
	a := onItsOwnServer(t)
	a.remember()
	bundle := a.backup()
	a.leavesNothingToSweep("backup")
	a.changesMemories()
	a.replaced(bundle)
	a.leavesNothingToSweep("replace")
	a.confirmed(0, "undo")
	a.leavesNothingToSweep("undo")
	a.must(0, "verify", "latest", "--level", "restore", "--to", a.scratch().store())
	a.leavesNothingToSweep("drill")
	for range 3 {
		a.clock = a.clock.Add(20 * day)
		a.backup()
	}
	a.must(0, "prune", "--keep", "1", "--days", "1", "--accept-mass-prune")
	a.leavesNothingToSweep("prune")
	log := readFile(t, a.data("backups", auditFile))
	says(t, log, `"operation":"mc.chroma.memory.replace"`, `"operation":"undo"`, "made for a drill", `"class":"own"`)
	a.kb.Kill()
	a.json(0, "rescue", a.directory())
	a.leavesNothingToSweep("rescue")
}

func TestNeoSweepsNothingOfTheDemo(t *testing.T) {
	a := bare(t)
	dir := filepath.Join(a.home, "shown")
	for range 2 { // the second removes what the first made
		a.must(0, "demo", "--dir", dir)
		for _, dir := range []string{dir, filepath.Join(dir, "memory"), filepath.Join(dir, "backups")} {
			if swept := sweptByNeo(t, dir); len(swept) > 0 {
				t.Errorf("Neo's restore would read %q of %s as summaries", swept, dir)
			}
		}
	}
}

// TestAuditLogIsRenamed: who has the backup root to itself renames an old audit log;
// a drill shares it with others, and only adds to the new one.
func TestAuditLogIsRenamed(t *testing.T) {
	a := newAgent(t, true)
	temporary(t)
	a.remember()
	a.backup()
	old, now := a.data("backups", oldAuditFile), a.data("backups", auditFile)
	a.write(old, "{\"old\":1}\n{\"old\":2}\n")
	a.must(0, "verify", "latest", "--level", "restore", "--to", a.scratch().store())
	added := readFile(t, now)
	if got := readFile(t, old); got != "{\"old\":1}\n{\"old\":2}\n" || !strings.Contains(added, "made for a drill") {
		t.Errorf("after a drill the old log is %q, the new one %q", got, added)
	}
	a.must(0, "prune", "--dry-run")
	if !exists(old) {
		t.Error("a dry run renamed the old log")
	}
	a.must(0, "prune")
	if got, want := readFile(t, now), "{\"old\":1}\n{\"old\":2}\n"+added; got != want || exists(old) {
		t.Errorf("got %q, want %q and no old log", got, want)
	}
	a.write(old, "{\"old\":3}\n") // of an older keepsake
	if err := os.Remove(now); err != nil {
		t.Fatal(err)
	}
	a.backup()
	if got := readFile(t, now); got != "{\"old\":3}\n" || exists(old) {
		t.Errorf("got %q, want the old log under its new name alone", got)
	}
}
