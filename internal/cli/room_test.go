package cli_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"keepsake/internal/atomicfile/faulty"
	"keepsake/internal/memory"
)

// small is an agent that remembers only what needs no server.
func small(t *testing.T) *agent {
	t.Helper()
	a := bare(t)
	a.env["KEEPSAKE_KB_CHROMA"], a.env["NEO_CHROMA_UNIFIED"] = "collections:"+a.data("vectors.sqlite"), "true"
	for _, spec := range serverless() {
		a.put(spec, rows()[spec.Name])
	}
	return a
}

// serverless are the sections that need no server.
func serverless() (out []memory.SectionSpec) {
	for _, name := range []memory.Section{memory.Graph, "concepts/nodes", "concepts/edges", memory.TrajectoryLog, memory.MailboxSentToCull} {
		out = append(out, specOf(name))
	}
	return out
}

const onlyServerless = "--only=graph,concepts,trajectories,mailbox"

// claims has a bundle say that its files are as large as that.
func claims(t *testing.T, bundle string, bytes int64) {
	t.Helper()
	e := edited{t, bundle}
	for _, name := range []string{"bundle-meta.json", "SHA256SUMS"} {
		if err := os.Chmod(e.file(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e.bytes(e.file("bundle-meta.json"), func(data []byte) []byte {
		payload := regexp.MustCompile(`("kind": "(?:records|opaque)",\s*"bytes": ?)\d+`)
		return payload.ReplaceAll(data, fmt.Appendf(nil, `${1}%d`, bytes))
	})
	e.reseal()
}

// TestNoRoomForABundle: one as large as the last must fit, or nothing is begun.
func TestNoRoomForABundle(t *testing.T) {
	a := small(t)
	claims(t, a.backup(onlyServerless), 1e17)
	for name, args := range map[string][]string{
		"Backup": {"backup", onlyServerless}, "DryRun": {"backup", onlyServerless, "--dry-run"},
		"SameCompression": {"backup", onlyServerless, "--compress", "none"}, "Part": {"backup", "--only", "concepts/nodes"},
	} {
		a.sub(name, func(t *testing.T) {
			says(t, a.refuses(13, args...).stderr, "no room for a bundle, nothing was written: it needs about ", "PB, and ", " are free on the disk of "+a.data("backups"),
				"\n  make room there, or put the backup root elsewhere")
		})
	}
	for name, args := range map[string][]string{
		"OtherPart": {"backup", "--only", "kb"}, "OtherCompression": {"backup", onlyServerless, "--compress", "zstd"},
	} {
		a.sub(name, func(t *testing.T) {
			silent(t, a.run(args...).stderr, "no room") // nothing says how much that would need
		})
	}
}

// TestT6: no space, an I/O error, a short write, a failed fsync, at every step of a
// backup: nothing is published, and the older bundle stays as it was, to the byte.
func TestT6(t *testing.T) {
	a := small(t)
	a.backup(onlyServerless)
	counting := faulty.New(nil)
	a.disk = counting
	remove(t, a.backup(onlyServerless))
	before := tree(t, a.data("backups"))
	for k := 1; k <= counting.Steps(); k++ {
		for name, c := range faults(k) {
			var step faulty.Step
			a.disk = faulty.New(func(s faulty.Step) faulty.Fault {
				f := c.plan(s)
				if f.Err != nil && step.N == 0 {
					step = s
				}
				return f
			})
			r := a.run("backup", onlyServerless)
			what := fmt.Sprintf("%s at step %d, %s %s", name, k, step.Op, filepath.Base(step.Path))
			if step.N < k { // a full disk lets files be closed and removed: there it shows later
				t.Fatalf("%s: there was no fault", what)
			}
			if r.code != c.code {
				t.Errorf("%s: got exit code %d, want %d\n%s", what, r.code, c.code, r.stderr)
			}
			if names := a.rootEntries(); len(names) == 2 && step.N == counting.Steps() { // it could not be taken back
				says(t, r.stderr, " stands")
				remove(t, a.data("backups", names[1]))
			}
			same(t, what, tree(t, a.data("backups")), before)
			a.tidy(t, what)
		}
	}
	a.disk = nil
	a.must(0, "backup", onlyServerless)
	a.noResidue()
}

type fault struct {
	plan faulty.Plan
	code int
}

// faults are what may become of the k-th step. At each one two of them are tried,
// and all of them at every other.
func faults(k int) map[string]fault {
	all := []map[string]fault{
		{
			"no space":    {faulty.At(k, faulty.Fault{Err: syscall.ENOSPC}), 13},
			"short write": {faulty.At(k, faulty.Fault{Err: syscall.EIO, Partial: true}), 1},
		},
		{
			"full from there on": {faulty.From(k, faulty.Fault{Err: syscall.ENOSPC, Partial: true}), 13},
			"I/O error":          {faulty.At(k, faulty.Fault{Err: errors.Join(syscall.EIO)}), 1},
		},
	}
	return all[k%2]
}

// tidy fails the test if something is left that a later run would trip over.
func (a *agent) tidy(t *testing.T, what string) {
	t.Helper()
	for _, name := range a.rootEntries() {
		if !strings.HasPrefix(name, "backup-") {
			t.Errorf("%s: left %s", what, name)
		}
	}
}
