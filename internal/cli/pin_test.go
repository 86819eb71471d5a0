package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// notesOf returns the path of what is noted of a bundle.
func (a *agent) notesOf(name string) string {
	return a.data("backups", ".notes-"+strings.TrimPrefix(name, "backup-")+".json")
}

func TestPin(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(2)
	sealed := tree(t, a.data("backups", all[1]))
	says(t, a.must(0, "pin", "latest", "--why", "before the migration").stdout, all[1]+" is pinned\n")
	at := a.clock
	a.clock = a.clock.Add(2 * day)
	says(t, a.must(0, "list").stdout, "  pinned 2 d ago: before the migration; never verified\n  next prune: keep, is pinned\n")
	a.sub("Twice", func(t *testing.T) {
		says(t, a.must(0, "pin", all[1]).stdout, "Nothing to do: "+all[1]+" is pinned already.")
		out := a.json(0, "pin", a.data("backups", all[1]), "--why", "the auditor asked")
		expect(t, out, true, "changed")
		expect(t, out, "the auditor asked", "pinned", "why")
		pinnedAt, err := time.Parse(time.RFC3339, dig(t, out, "pinned", "at").(string))
		if err != nil || pinnedAt.Sub(at).Abs() > time.Second {
			t.Errorf("pinned at %v, want %v, when it was pinned first", pinnedAt, at)
		}
	})
	a.sub("Unpin", func(t *testing.T) {
		says(t, a.must(0, "unpin", all[1]).stdout, all[1]+" is no longer pinned\n")
		says(t, a.must(0, "unpin", all[1]).stdout, "Nothing to do: "+all[1]+" is not pinned.")
		silent(t, a.must(0, "list").stdout, "pinned")
	})
	same(t, "the bundle", tree(t, a.data("backups", all[1])), sealed)
	a.sub("OfABundleElsewhere", func(t *testing.T) {
		r := a.must(10, "pin", copied(t, a.data("backups", all[0])))
		says(t, r.stderr, " is not in the backup root ", "\n  only what lies there is ever removed")
	})
	a.sub("OfNoBundle", func(t *testing.T) {
		a.mkdir(a.data("backups", "backup-1", "kb"))
		says(t, a.must(10, "pin", a.data("backups", "backup-1")).stderr, " is not in the backup root ")
		a.must(10, "pin", "backup-2026-01-01T00-00-00.000Z")
	})
	a.sub("OfADamagedOne", func(t *testing.T) {
		writable(t, a.data("backups", all[0]))
		a.write(a.data("backups", all[0], "bundle-meta.json"), "{")
		a.must(0, "pin", all[0])
	})
	a.sub("NotesUnreadable", func(t *testing.T) {
		a.write(a.notesOf(all[1]), "{")
		before := tree(t, a.data("backups"))
		for _, command := range []string{"pin", "unpin"} {
			says(t, a.must(1, command, all[1]).stderr, "keepsake: update notes: notes cannot be read", "\n  the notes of a bundle lie beside it")
		}
		same(t, "the backup root", tree(t, a.data("backups")), before)
	})
}

// What a verification found is on record, and counts until a later one that
// looks as closely finds it gone.
func TestVerifyIsOnRecord(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(2)
	a.must(0, "verify", "--all", "--level", "quick")
	a.clock = a.clock.Add(3 * time.Hour)
	says(t, a.must(0, "list").stdout, "  verified 3 h ago (quick): ok\n  next prune: keep")
	newest := a.data("backups", all[1])
	writable(t, newest)
	rows := payload(t, newest, "graph/graph")
	good := readFile(t, rows)
	a.write(rows, "["+good[1:])
	a.must(4, "verify", all[1])
	a.write(rows, good)
	a.must(0, "verify", all[1], "--level", "quick") // which can't see what the other saw
	a.sub("List", func(t *testing.T) {
		says(t, a.must(0, "list").stdout, ": ok; verified ", "(full): DID NOT VERIFY", "latest good: "+all[0])
		one := bundleIn(t, a.json(0, "list"), all[1])
		says(t, one["fault"].(string), "did not verify (full, ")
		got := one["verifications"].([]any)
		if len(got) != 3 {
			t.Fatalf("got %d verifications, want 3", len(got))
		}
		expect(t, one, "full", "verifications", 1, "level")
		expect(t, one, false, "verifications", 1, "ok")
		expect(t, one, "keepsake dev", "verifications", 1, "tool")
		if n := dig(t, got[1], "refusals").(float64); n < 1 {
			t.Errorf("got %v refusals, want some", n)
		}
	})
	a.sub("Latest", func(t *testing.T) {
		r := a.must(0, "verify", "latest")
		says(t, r.stdout, all[0])
		says(t, r.stderr, "passed over "+all[1]+": did not verify (full, ")
	})
	a.sub("UntilItVerifies", func(t *testing.T) {
		a.must(0, "verify", all[1])
		says(t, a.must(0, "verify", "latest").stdout, all[1])
	})
	a.sub("ACopyElsewhereIsNotOnRecord", func(t *testing.T) {
		dir := copied(t, newest)
		a.must(0, "verify", dir)
		if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 {
			t.Errorf("%d entries beside the copy, %v, want none", len(entries)-1, err)
		}
	})
	a.sub("CannotBeWritten", func(t *testing.T) {
		a.write(a.notesOf(all[1]), "{")
		says(t, a.must(0, "verify", all[1]).stderr, "warning: the result is not on record: update notes: notes cannot be read")
		r := a.must(0, "list")
		says(t, r.stdout, "notes cannot be read", "latest good: "+all[0]+", but a newer one can't be read")
		silent(t, r.stdout, "never verified")
	})
}

// What list shows of each kind of bundle fits a terminal.
func TestListFits(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	first := a.publishes(0)
	a.must(0, "pin", first, "--why", "a long reason that goes on and on, because somebody wanted to explain all there is to explain of it")
	for _, change := range [][2]string{
		{`"reason": "backup"`, `"reason": "rescue"`}, {`"bundleVersion": 1`, `"bundleVersion": 2`},
	} {
		resealed(t, a.data("backups", a.publishes(3)), change[0], change[1])
	}
	torn := a.data("backups", a.publishes(100))
	writable(t, torn)
	a.write(filepath.Join(torn, "bundle-meta.json"), "{")
	doubtful := a.data("backups", a.publishes(1))
	resealed(t, doubtful, `"suspect": false`, `"suspect": true`)
	resealed(t, doubtful, `"status": "complete"`, `"status": "degraded"`)
	short := a.data("backups", a.publishes(1))
	writable(t, short)
	remove(t, payload(t, short, "kb/knowledge-base"))
	asNeoCopy := a.data("backups", a.publishes(1))
	writable(t, asNeoCopy)
	asNeo(t, asNeoCopy)
	r := a.must(0, "list")
	fits(t, r.stdout)
	says(t, r.stdout, " suspect\n", " unreadable\n", " unsealed\n", " complete\n", "  rescue; ", "suspect: ", "not good: parse meta", "not good: kb/knowledge-base-backup", " is missing;", "pinned ", "  next prune: skip, ")
	fits(t, a.must(0, "prune", "--dry-run", "--keep", "1").stdout)
}
