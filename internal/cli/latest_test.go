package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
)

// TestLatestWalksPast: the newest bundle is not the latest when it isn't good,
// and each that was passed over is named with the reason. A restore takes from each what
// is good in it.
func TestLatestWalksPast(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	good := a.backup()
	newer := func() string {
		a.adds(memory.Memories, "written-"+a.clock.Format("150405"))
		return a.backup()
	}
	cut, broken, bare, neo := newer(), newer(), newer(), newer()
	for _, dir := range []string{cut, broken, bare, neo} {
		writable(t, dir)
	}
	writeLines(t, payload(t, cut, memory.Graph), lines(t, payload(t, cut, memory.Graph))[1:])
	meta := readMeta(t, broken)
	meta["neoVersion"] = "another"
	writeMeta(t, broken, meta)
	asOlder(t, bare)
	asNeo(t, neo)
	a.withholds(memory.Memories, a.ids(memory.Memories)[0])
	degraded := a.json(3, "backup", "--allow-degraded")["path"].(string)
	a.kb.front = nil
	a.point()
	a.write(a.data("backups", ".backup-partial-2026-11-22T23-00-00.000Z-abc", "kb", "knowledge-base-backup.jsonl"), "{")
	a.mkdir(a.data("backups", "backup-before-migration-3"))

	a.forget()
	a.adopts(dig(t, readMeta(t, good), "keepsake", "memoryId").(string))
	before := tree(t, a.data("backups"))
	for instead, commands := range map[string][][]string{
		degraded: {{"restore", "latest"}, {"restore", "--at", "2027-01-01T00:00:00Z"}}, // it gives what is good in it
		good:     {{"verify", "latest"}, {"show", "latest"}, {"pin", "latest"}},
	} {
		for _, args := range commands {
			says(t, a.must(4, args...).stderr, "a newer bundle cannot be read: "+filepath.Base(broken)+": ",
				"\n  --skip-unreadable takes "+filepath.Base(instead)+", the newest that is good")
		}
	}
	same(t, "the backup root", tree(t, a.data("backups")), before)
	nobodys := []string{
		"passed over " + filepath.Base(neo) + ": was not made by keepsake and has no hashes",
		"passed over " + filepath.Base(bare) + ": has no bundle-meta.json",
		"passed over " + filepath.Base(broken) + ": ",
	}
	r := a.must(0, "verify", "latest", "--skip-unreadable")
	says(t, r.stdout+r.stderr, append(nobodys, filepath.Base(good), "passed over "+filepath.Base(degraded)+": is degraded",
		"passed over "+filepath.Base(cut)+": graph/graph-backup-")...)
	for _, args := range [][]string{{"restore", "latest"}, {"restore", "--at", "2027-01-01T00:00:00Z"}} {
		r := a.must(0, append(args, "--skip-unreadable")...)
		says(t, r.stdout+r.stderr, append(nobodys, "mc/memory from\n"+filepath.Base(cut),
			"passed over "+filepath.Base(degraded)+": mc/memory was not read whole", "From both bundles: ")...)
		silent(t, r.stderr, "passed over "+filepath.Base(good), "passed over "+filepath.Base(cut))
	}
	if got, want := len(a.ids(memory.Memories)), rows()[memory.Memories]+1; got != want {
		t.Errorf("got %d memories, want the %d of the newest bundle that has them whole", got, want)
	}
	writable(t, broken)
	remove(t, broken)
	for _, b := range a.json(0, "list")["bundles"].([]any) {
		entry := b.(map[string]any)
		if want := entry["path"] == good; entry["latest"] != want {
			t.Errorf("list: %v: latest: got %v, want %v", entry["bundle"], entry["latest"], want)
		}
	}
	a.sub("One part is good in none", func(t *testing.T) {
		for _, dir := range []string{good, cut} {
			writable(t, dir)
			remove(t, dir)
		}
		r := a.must(9, "restore", "latest")
		says(t, r.stdout+r.stderr, "mc/memory: is good in no bundle; in "+filepath.Base(degraded)+" it was not read whole",
			"\n  keepsake restore "+filepath.Base(degraded)+" --only mc/memory puts back what there is",
			"the bundle lacks mc/memory (", " rows): that is not in", "the restore is incomplete")
		r = a.must(10, "restore", "latest", "--only", "mc/memory")
		says(t, r.stderr, "there is no good bundle in ", "mc/memory is good in no bundle: the newest is "+filepath.Base(degraded))
	})
	a.sub("None is good", func(t *testing.T) {
		writable(t, degraded)
		remove(t, degraded)
		r := a.must(10, "restore", "latest")
		says(t, r.stderr, "there is no good bundle in ", "passed over "+filepath.Base(neo))
	})
}

// writable lets a test change a bundle where it is.
func writable(t *testing.T, bundle string) {
	t.Helper()
	err := filepath.WalkDir(bundle, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAt takes the newest bundle that is not younger.
func TestAt(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	var bundles []string
	var times []time.Time
	for _, id := range []string{"first", "second", "third"} {
		a.sql("INSERT INTO Nodes VALUES (?, NULL, '{}')", id)
		a.clock = a.clock.Add(time.Hour)
		bundles = append(bundles, a.backup("--only", "graph"))
		times = append(times, a.clock)
	}
	for name, tt := range map[string]struct {
		at   time.Time
		want int
	}{
		"Between":   {times[1].Add(time.Minute), 1},
		"Oldest":    {times[0].Add(time.Minute), 0},
		"Future":    {times[2].Add(time.Hour), 2},
		"OtherZone": {times[1].Add(time.Minute).In(time.FixedZone("", 5*3600)), 1},
	} {
		a.sub(name, func(t *testing.T) {
			a.forgetFiles()
			out := a.json(0, "restore", "--at", tt.at.Format(time.RFC3339))
			expect(t, out, filepath.Base(bundles[tt.want]), "bundle")
			if got := a.graphText("SELECT count(*) FROM Nodes WHERE id IN ('first', 'second', 'third')"); got != string(rune('1'+tt.want)) {
				t.Errorf("got %s of the three nodes, want %d", got, tt.want+1)
			}
		})
	}
	a.sub("TooEarly", func(t *testing.T) {
		r := a.refuses(10, "restore", "--at", times[0].Add(-time.Hour).Format(time.RFC3339))
		says(t, r.stderr, "there is no good bundle from ")
	})
}

// TestLatestVerifies: one wrong byte in the newest bundle, whose sizes and meta are
// right, and a restore goes back to the one before it, saying why; what was named is
// never exchanged for another.
func TestLatestVerifies(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph)
	want := a.digests()
	good := a.backup("--only", "graph")
	a.sql("INSERT INTO Nodes VALUES ('later', NULL, '{}')")
	rotten := a.backup("--only", "graph")
	writable(t, rotten)
	file := payload(t, rotten, memory.Graph)
	a.write(file, strings.Replace(readFile(t, file), `"later"`, `"lated"`, 1))
	for _, args := range [][]string{
		{"restore", "latest", "--dry-run"}, {"restore", "--at", "2027-01-01T00:00:00Z", "--dry-run"},
	} {
		kept := tree(t, a.data("backups"))
		r := a.must(0, args...)
		says(t, r.stderr, "passed over "+filepath.Base(rotten)+": graph/graph does not verify: graph/graph-backup-")
		same(t, "the bundles after a dry run", tree(t, a.data("backups")), kept)
	}
	a.must(4, "restore", rotten)
	a.adopts(dig(t, readMeta(t, good), "keepsake", "memoryId").(string))
	a.sql("DELETE FROM Edges")
	a.sql("DELETE FROM Nodes")
	r := a.must(0, "restore", "latest")
	says(t, r.stdout, filepath.Base(good)+" merged")
	sameDigests(t, a.digests(), want)
	if got := dig(t, a.json(0, "list"), "bundles", 0, "verifications", 0, "ok"); got != false {
		t.Errorf("on record of %s is %v, want that it failed", filepath.Base(rotten), got)
	}
}
