package opaque_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"keepsake/internal/atomicfile/faulty"
	"keepsake/internal/memory"
	"keepsake/internal/store/storetest"
)

// TestReplaceKilledProcess: a process that has the lock of the database is killed
// by the system at a rename; nothing of it is in the way of the next one.
func TestReplaceKilledProcess(t *testing.T) {
	if dir := os.Getenv("OPAQUE_TEST_REPLACE"); dir != "" {
		dieReplacing(t, dir)
		return
	}
	spec, text := newer(t, "new")
	for step, wantWindow := range []bool{false, true, true, true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "app.db")
		make3(t, path, "WAL", "old") // the agent stays, with all in the log
		write(t, filepath.Join(dir, "text"), string(text))
		cmd := exec.Command(os.Args[0], "-test.run=^TestReplaceKilledProcess$")
		cmd.Env = append(os.Environ(), "OPAQUE_TEST_REPLACE="+dir, "OPAQUE_TEST_STEP="+strconv.Itoa(step))
		if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.Exited() {
			t.Fatalf("rename %d: got %v, want a process killed:\n%s", step, err, out)
		}
		f := files(t, database(dir))
		survey, err := f.Survey(t.Context(), appDB)
		if window := survey.Unfinished == plan; err != nil || window != wantWindow || window == survey.Exists {
			t.Errorf("rename %d: got %+v, %v, want window %t", step, survey, err, wantWindow)
		}
		if _, err := replace(t, f, spec, text, nil); err != nil {
			t.Fatalf("rename %d: again: %v", step, err)
		}
		if got, old := rowsOf(t, path), rowsOf(t, path+".aside-plan-1"); got != "new b c" || old != "old b c" {
			t.Errorf("rename %d: got %q and aside %q", step, got, old)
		}
	}
}

// dieReplacing is the other process.
func dieReplacing(t *testing.T, dir string) {
	t.Helper()
	step, err := strconv.Atoi(os.Getenv("OPAQUE_TEST_STEP"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "text"))
	if err != nil {
		t.Fatal(err)
	}
	renames := 0
	f := filesOn(t, faulty.New(func(s faulty.Step) faulty.Fault {
		if s.Op != faulty.RenameNoReplace {
			return faulty.Fault{}
		}
		if renames++; renames > step {
			storetest.Die()
		}
		return faulty.Fault{}
	}), database(dir))
	_, _ = replace(t, f, memory.SectionSpec{Name: appDB, Kind: memory.Opaque, Rows: 3}, text, nil)
}
