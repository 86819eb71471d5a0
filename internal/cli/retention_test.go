package cli_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"keepsake/internal/memory"
)

const day = 24 * time.Hour

// graphAgent is an agent with a graph alone: its bundles are made in no time.
func graphAgent(t *testing.T) *agent {
	t.Helper()
	a := bare(t)
	a.env["KEEPSAKE_KB_CHROMA"] = "chroma:" + closedPort(t) // prune looks for what was kept aside there
	a.env["NEO_CHROMA_UNIFIED"] = "true"
	a.remember(memory.Graph)
	return a
}

// fills makes a bundle a day while nothing is removed, and returns their names,
// the oldest first. The clock stands almost a day after the last.
func (a *agent) fills(days int) []string {
	a.t.Helper()
	a.env["NEO_BACKUP_RETAIN_DAYS"] = "36500"
	var all []string
	for range days {
		all = append(all, filepath.Base(a.backup("--only", "graph")))
		a.clock = a.clock.Add(day)
	}
	a.clock = a.clock.Add(-time.Hour)
	delete(a.env, "NEO_BACKUP_RETAIN_DAYS")
	return all
}

// shelf lists what is named as bundles are, the oldest first.
func (a *agent) shelf() []string {
	a.t.Helper()
	var all []string
	for _, name := range a.rootEntries() {
		if strings.HasPrefix(name, "backup-") {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

func (a *agent) holds(want ...[]string) {
	a.t.Helper()
	if got, want := a.shelf(), slices.Concat(want...); !slices.Equal(got, want) {
		a.t.Errorf("the backup root holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// permits lists, from the audit log, the folders that prune was given leave for.
func (a *agent) permits() []string {
	a.t.Helper()
	f, err := os.Open(a.data("backups", ".guard-audit.log"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	var all []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Decision, Operation, Class, Policy string
			Target                             struct{ Locator struct{ Path string } }
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			a.t.Fatal(err)
		}
		if line.Decision != "allowed" || line.Operation != "prune" || line.Class != "own" || line.Policy == "" {
			a.t.Errorf("audit log: got %s, want leave to prune, with its reason", lines.Text())
		}
		all = append(all, filepath.Base(line.Target.Locator.Path))
	}
	return all
}

// of returns what a document of --json says of one bundle.
func bundleIn(t *testing.T, document map[string]any, name string) map[string]any {
	t.Helper()
	for _, b := range document["bundles"].([]any) {
		if one := b.(map[string]any); one["bundle"] == name {
			return one
		}
	}
	t.Fatalf("no bundle %s in %v", name, document)
	return nil
}

func codesOf(one map[string]any) string {
	var all []string
	for _, g := range one["grounds"].([]any) {
		all = append(all, g.(map[string]any)["code"].(string))
	}
	return fmt.Sprint(one["action"], " ", strings.Join(all, ","))
}

// fits fails the test if a line is wider than a terminal.
func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("a line of %d characters, want 80 at the most: %s", n, line)
		}
	}
}

func TestPrune(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(12)
	a.sub("DryRun", func(t *testing.T) {
		before := tree(t, a.data("backups"))
		r := a.must(0, "prune", "--dry-run")
		says(t, r.stdout, all[0], " remove ", " keep ", "is older than 7 days", "is one of the newest 3 that\n", "\n5 bundles would be removed.\n")
		fits(t, r.stdout)
		same(t, "the backup root", tree(t, a.data("backups")), before)
	})
	a.sub("JSON", func(t *testing.T) {
		out := a.json(0, "prune", "--dry-run")
		expect(t, out, true, "dryRun")
		expect(t, out, 0.0, "removed")
		for i, name := range all {
			want := map[bool]string{true: "remove expired", false: "keep young"}[i < 5]
			if i >= 9 {
				want = "keep keep-last,young"
			}
			if got := codesOf(bundleIn(t, out, name)); got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		}
	})
	a.sub("Removes", func(t *testing.T) {
		a.must(0, "verify", all[0], "--level", "quick") // its notes go with it
		out := a.json(0, "prune")
		expect(t, out, 5.0, "removed")
		expect(t, bundleIn(t, out, all[0]), true, "removed")
		a.holds(all[5:])
		a.noResidue()
		if got := a.permits(); !slices.Equal(got, all[:5]) {
			t.Errorf("permits for %q, want one for each that went, the oldest first: %q", got, all[:5])
		}
		if name := a.data("backups", ".notes-"+strings.TrimPrefix(all[0], "backup-")+".json"); exists(name) {
			t.Errorf("%s is left", name)
		}
	})
	a.sub("NothingToDo", func(t *testing.T) {
		says(t, a.must(0, "prune").stdout, "Nothing to do: every bundle stays.")
		a.holds(all[5:])
	})
	a.sub("Flags", func(t *testing.T) {
		says(t, a.must(0, "prune", "--keep", "4", "--days", "2", "--keep-daily", "5").stdout, "2 bundles removed")
		a.holds(all[7:])
		says(t, a.must(0, "prune", "--max-bytes", "1").stderr, "what has to stay takes up more than 1 bytes")
		a.holds(all[9:])
	})
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// After a backup the ten oldest go at the most, and it says so.
func TestTenAtMostAfterABackup(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(12)
	a.clock = a.clock.Add(30 * day)
	out := a.json(0, "backup", "--only", "graph")
	expect(t, out, 10.0, "retention", "removed")
	newest := []string{out["bundle"].(string)}
	// K counts the new one and the two before it.
	a.holds(all[10:], newest)
	a.clock = a.clock.Add(day)
	more := a.fills(3)
	a.clock = a.clock.Add(30 * day)
	r := a.must(0, "backup", "--only", "graph")
	says(t, r.stdout, "Retention removed 4 bundles", all[10], " removed ", "is older than 7 days")
	_, table, _ := strings.Cut(r.stdout, "Retention")
	fits(t, table)
	a.holds(more[1:], []string{a.shelf()[2]})
	if got := len(a.permits()); got != 14 {
		t.Errorf("%d permits, want one for each of 14", got)
	}
}

// What a person asked for may be more than ten, but not unawares.
func TestMassPrune(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(15)
	a.clock = a.clock.Add(30 * day)
	for _, args := range [][]string{{"prune"}, {"prune", "--dry-run"}} {
		r := a.refuses(1, args...)
		says(t, r.stderr, "keepsake: this would remove 12 of 15 bundles: nothing was removed", "\n  look at them with --dry-run; --accept-mass-prune removes them")
		says(t, r.stdout, all[0])
	}
	expect(t, a.json(0, "prune", "--accept-mass-prune"), 12.0, "removed")
	a.holds(all[12:])
}

// Without a number that can be used nothing is removed, and a backup is made all
// the same.
func TestRetentionRefused(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(6)
	a.clock = a.clock.Add(30 * day)
	for name, tt := range map[string]struct {
		env  [2]string
		want string
	}{
		"KNone":        {[2]string{"NEO_BACKUP_RETAIN_K", "0"}, "retention would keep nothing: want at least 1, have 0"},
		"KUnreadable":  {[2]string{"NEO_BACKUP_RETAIN_K", "three"}, `"three" is no whole number`},
		"DaysNone":     {[2]string{"NEO_BACKUP_RETAIN_DAYS", "0"}, "retention would keep nothing: want at least 1, have 0"},
		"DaysWithUnit": {[2]string{"NEO_BACKUP_RETAIN_DAYS", "7d"}, `"7d" is no whole number`},
	} {
		a.sub(name, func(t *testing.T) {
			a.env[tt.env[0]] = tt.env[1]
			defer delete(a.env, tt.env[0])
			says(t, a.refuses(2, "prune").stderr, "keepsake: read environment "+tt.env[0]+": ", tt.want, "\n  no bundle is removed until it is set right")
			a.refuses(2, "prune", "--dry-run")
			r := a.must(1, "backup", "--only", "graph")
			says(t, r.stderr, "keepsake: the bundle is published, but retention did not run: read environment "+tt.env[0]+": ", tt.want)
			all = append(all, filepath.Base(strings.SplitN(r.stdout, "\n", 2)[0]))
			a.holds(all)
			says(t, a.must(0, "list").stderr, "nothing would be removed: ", tt.want)
		})
	}
	a.sub("FlagBeforeEnvironment", func(t *testing.T) {
		a.env["NEO_BACKUP_RETAIN_K"] = "three"
		a.must(0, "prune", "--keep", "50", "--dry-run")
		says(t, a.refuses(2, "prune", "--keep", "0").stderr, "read flag --keep: retention would keep nothing")
		says(t, a.refuses(2, "prune", "--keep", "3", "--max-bytes", "much").stderr, `read flag --max-bytes: "much" is no size`)
		expect(t, a.json(1, "backup", "--only", "graph"), "retention did not run: read environment NEO_BACKUP_RETAIN_K: \"three\" is no whole number from 0 to 1000000", "retention", "error")
	})
}

// Nothing is removed that the guard gave no leave for, and leave that can't be
// written down isn't given.
func TestNoPruneWithoutAPermit(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(12)
	a.mkdir(a.data("backups", ".guard-audit.log"))
	trash := ".backup-trash-2026-11-01T00-00-00.000Z-ABCDEFGH"
	a.mkdir(a.data("backups", trash, "kb"))
	r := a.must(1, "prune")
	says(t, r.stderr, all[0]+" was not removed: open audit log", "5 of 5 bundles could not be removed", "remove trash "+trash+": open audit log")
	says(t, r.stdout, " FAILED ")
	a.holds(all)
	r = a.must(1, "backup", "--only", "graph")
	says(t, r.stderr, "keepsake: the bundle is published, but retention did not finish: 5 of 5 bundles could not be removed")
	if got := len(a.shelf()); got != 13 || !exists(a.data("backups", trash)) {
		t.Errorf("%d bundles, want 13, and the trash", got)
	}
}

// Whatever the age: what was pinned, comes from the future, isn't ours, or can't
// be judged.
func TestPruneLeaves(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(10)
	a.must(0, "pin", all[0], "--why", "before the migration")
	a.write(a.data("backups", ".notes-"+strings.TrimPrefix(all[1], "backup-")+".json"), "{")
	writable(t, filepath.Join(a.data("backups"), all[2]))
	a.write(a.data("backups", all[2], "bundle-meta.json"), "{")
	named := []string{"backup-1", "backup-2019", "backup-before-migration-3"}
	for _, name := range named {
		a.write(a.data("backups", name, "kb", "rows.jsonl"), "{}\n")
	}
	then := a.clock
	a.clock = then.Add(400 * day)
	future := a.fills(1)[0]
	a.clock = then.Add(30 * day)
	out := a.json(0, "prune", "--accept-mass-prune")
	for name, want := range map[string]string{
		all[0]: "keep pinned", all[1]: "skip unreadable", all[2]: "skip unreadable", future: "keep future",
		named[0]: "skip foreign-name", named[1]: "skip foreign-name", named[2]: "skip foreign-name",
		all[3]: "remove expired", all[7]: "keep keep-last",
	} {
		if got := codesOf(bundleIn(t, out, name)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	want := append(append([]string{future}, named...), append(slices.Clone(all[:3]), all[7:]...)...)
	slices.Sort(want)
	a.holds(want)
	a.sub("UntilUnpinned", func(*testing.T) {
		a.must(0, "unpin", all[0])
		a.must(0, "prune")
		if exists(a.data("backups", all[0])) {
			a.t.Errorf("%s stays", all[0])
		}
	})
}

// A bundle that was made before a restore goes after its own time, and counts as
// no backup.
func TestSafetyBundlesGoByTheirOwnAge(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(2)
	resealed(t, a.data("backups", all[1]), `"reason": "backup"`, `"reason": "pre-restore"`)
	a.clock = a.clock.Add(5 * day)
	if got := codesOf(bundleIn(t, a.json(0, "prune", "--dry-run"), all[1])); got != "keep safety" {
		t.Errorf("after 6 days: got %s", got)
	}
	r := a.must(0, "list")
	says(t, r.stdout, "  pre-restore; never verified\n  next prune: keep, was made before a restore", "latest good: "+all[0])
	a.clock = a.clock.Add(2 * day)
	says(t, a.must(0, "prune", "--accept-mass-prune").stdout, "was made before a restore,\n", "more than 7 days ago\n")
	a.holds(all[:1])
}

// resealed changes the text of a bundle's meta, and seals it again.
func resealed(t *testing.T, bundle, from, to string) {
	t.Helper()
	writable(t, bundle)
	path := filepath.Join(bundle, "bundle-meta.json")
	text := readFile(t, path)
	if !strings.Contains(text, from) {
		t.Fatalf("the meta doesn't say %s", from)
	}
	seal := dig(t, readMeta(t, bundle), "keepsake", "seal").(string)
	blank := strings.Replace(strings.Replace(text, from, to, 1), seal, strings.Repeat("0", 64), 1)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(blank)))
	if err := os.WriteFile(path, []byte(strings.Replace(blank, strings.Repeat("0", 64), sum, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A bundle that a restore still needs stays until that is finished.
func TestPruneLeavesWhatAPlanNeeds(t *testing.T) {
	a := graphAgent(t)
	all := a.fills(12)
	dir := a.data(".keepsake", "restores", "2026-11-22T09-00-00.000Z-x")
	a.write(filepath.Join(dir, "plan.json"), fmt.Sprintf(`{"mode":"replace","id":"p1","bundlePath":%q}`, a.data("backups", all[0])))
	a.write(filepath.Join(dir, "steps.jsonl"), `{"step":"begun"}`+"\n"+fmt.Sprintf(`{"step":"safety","bundle":%q}`, a.data("backups", all[1]))+"\n")
	a.must(0, "prune")
	a.holds(all[:2], all[5:])
	a.write(filepath.Join(dir, "plan.json"), "{")
	a.clock = a.clock.Add(2 * day)
	says(t, a.refuses(1, "prune").stderr, "look for unfinished plans")
}

// Killed between the rename and the end of the deletion, a prune leaves trash that
// is no bundle; the next run deletes it and says so.
func TestTrashOfADeadRun(t *testing.T) {
	for _, next := range [][]string{{"prune"}, {"backup", "--only", "graph"}} {
		t.Run(next[0], func(t *testing.T) {
			a := graphAgent(t)
			all := a.fills(3)
			a.must(0, "verify", all[0])
			trash := strings.Replace(all[0], "backup-", ".backup-trash-", 1) + "-ABCDEFGH"
			if err := os.Rename(a.data("backups", all[0]), a.data("backups", trash)); err != nil {
				t.Fatal(err)
			}
			if got := len(a.json(0, "list")["bundles"].([]any)); got != 2 {
				t.Errorf("list: got %d bundles, want 2", got)
			}
			says(t, a.must(0, next...).stderr, "warning: removed "+trash+", left by a run that has ended")
			a.noResidue()
			for _, name := range a.rootEntries() {
				if strings.Contains(name, strings.TrimPrefix(all[0], "backup-")) {
					t.Errorf("the backup root holds %s", name)
				}
			}
			if got := a.permits(); !slices.Equal(got, []string{trash}) {
				t.Errorf("permits for %q, want one for the trash", got)
			}
		})
	}
}
