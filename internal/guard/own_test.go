package guard_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

const stamp = "2026-11-22T22-41-33.610Z"

// meta is a bundle's meta, cut to what says whose it is.
func meta(stamp string) string {
	return `{"bundleVersion":1,"timestamp":"` + stamp + `","keepsake":{"format":1,"tool":"keepsake 0.1.0","seal":"` + strings.Repeat("a", 64) + `"}}`
}

// What this tool made in a backup root may be pruned, with a reason, although
// the default root is under .neo-ai-data; what only looks like it may not.
func TestOwnFolders(t *testing.T) {
	away := elsewhere(t)
	root := folder(t, away, ".neo-ai-data", "backups")
	bundle := func(name, meta string) string {
		write(t, meta, root, name, "bundle-meta.json")
		return filepath.Join(root, name)
	}
	for name, c := range map[string]struct {
		path string
		want guard.Class
	}{
		"bundle":                {bundle("backup-"+stamp, meta(stamp)), guard.Own},
		"partial":               {folder(t, root, ".backup-partial-"+stamp+"-x7f3"), guard.Own},
		"partial, rand.Text":    {folder(t, root, ".backup-partial-"+stamp+"-Q7YZ4KTA"), guard.Own},
		"trash":                 {folder(t, root, ".backup-trash-"+stamp+"-0a1b2c"), guard.Own},
		"dots":                  {root + "/../backups/backup-" + stamp, guard.Own},
		"bundle without meta":   {folder(t, root, "backup-2026-01-01T00-00-00.000Z"), guard.Production},
		"Neo's bundle":          {bundle("backup-2026-01-02T00-00-00.000Z", `{"timestamp":"2026-01-02T00-00-00.000Z"}`), guard.Production},
		"meta of another":       {bundle("backup-2026-01-03T00-00-00.000Z", meta(stamp)), guard.Production},
		"meta is no JSON":       {bundle("backup-2026-01-04T00-00-00.000Z", meta("2026-01-04T00-00-00.000Z")+"x"), guard.Production},
		"meta of another tool":  {bundle("backup-2026-01-05T00-00-00.000Z", strings.Replace(meta("2026-01-05T00-00-00.000Z"), "keepsake 0", "other 0", 1)), guard.Production},
		"meta without format":   {bundle("backup-2026-01-06T00-00-00.000Z", strings.Replace(meta("2026-01-06T00-00-00.000Z"), `"format":1`, `"format":0`, 1)), guard.Production},
		"meta without seal":     {bundle("backup-2026-01-07T00-00-00.000Z", strings.Replace(meta("2026-01-07T00-00-00.000Z"), strings.Repeat("a", 64), "", 1)), guard.Production},
		"backup-1":              {bundle("backup-1", meta("1")), guard.Production},
		"backup-2019":           {bundle("backup-2019", meta("2019")), guard.Production},
		"before-migration-3":    {bundle("backup-before-migration-3", meta("before-migration-3")), guard.Production},
		"no such day":           {bundle("backup-2026-02-30T00-00-00.000Z", meta("2026-02-30T00-00-00.000Z")), guard.Production},
		"short fraction":        {bundle("backup-2026-02-03T00-00-00,000Z", meta("2026-02-03T00-00-00,000Z")), guard.Production},
		"partial without tail":  {folder(t, root, ".backup-partial-"+stamp), guard.Production},
		"partial, empty tail":   {folder(t, root, ".backup-partial-"+stamp+"-"), guard.Production},
		"partial, short tail":   {folder(t, root, ".backup-partial-"+stamp+"-abc"), guard.Production},
		"partial, other tail":   {folder(t, root, ".backup-partial-"+stamp+"-old.copy"), guard.Production},
		"partial, no dash":      {folder(t, root, ".backup-partial-"+stamp+"xabcd"), guard.Production},
		"partial, no date":      {folder(t, root, ".backup-partial-2026-11-22T22-41-33.61xx-abcd"), guard.Production},
		"file called a partial": {write(t, "x", root, ".backup-partial-"+stamp+"-fi1e"), guard.Production},
		"deeper":                {folder(t, root, "in", ".backup-partial-"+stamp+"-x7f3"), guard.Production},
		"another root":          {folder(t, away, "other", ".backup-partial-"+stamp+"-x7f3"), guard.Production},
		"the root":              {root, guard.Production},
		"some folder":           {folder(t, root, "notes"), guard.Production},
		"a file of the root":    {write(t, "x", root, "audit.jsonl"), guard.Production},
		"not there":             {root + "/.backup-partial-" + stamp + "-none", guard.Production},
		"link called a partial": {link(t, away, root, ".backup-partial-"+stamp+"-1ink"), guard.Production},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).allow()
			b.BackupRoot = root
			req := guard.Request{Operation: guard.Prune, Target: at(memory.KindFiles, c.path), Reason: "older than 7 days"}
			permit, err := b.ask(t, req)
			if c.want == guard.Own {
				wantAllowed(t, permit, err, guard.Own, req)
				return
			}
			wantRefused(t, err, c.want, guard.ErrNotOwn)
		})
	}
	t.Run("meta is a link", func(t *testing.T) {
		dir := folder(t, root, "backup-2026-03-01T00-00-00.000Z")
		link(t, write(t, meta("2026-03-01T00-00-00.000Z"), away, "meta"), dir, "bundle-meta.json")
		wantNotOwn(t, root, dir)
	})
	t.Run("root through a link", func(t *testing.T) {
		b := newBench(t)
		b.BackupRoot = link(t, root, away, "root")
		req := guard.Request{Operation: guard.Prune, Target: at(memory.KindFiles, b.BackupRoot+"/backup-"+stamp), Reason: "r"}
		permit, err := b.ask(t, req)
		wantAllowed(t, permit, err, guard.Own, req)
	})
	for name, bad := range map[string]string{"no root": "", "root not there": away + "/none", "root is a file": write(t, "x", away, "file"), "relative root": "backups"} {
		t.Run(name, func(t *testing.T) { wantNotOwn(t, bad, root+"/backup-"+stamp) })
	}
}

func wantNotOwn(t *testing.T, root, path string) {
	t.Helper()
	b := newBench(t).allow()
	b.BackupRoot = root
	_, err := b.ask(t, guard.Request{Operation: guard.Prune, Target: at(memory.KindFiles, path), Reason: "r"})
	wantRefused(t, err, guard.Production, guard.ErrNotOwn)
}

// Own is for retention and clean-up alone, and for a reason.
func TestOwnIsForPruneOnly(t *testing.T) {
	away := elsewhere(t)
	b := newBench(t)
	b.BackupRoot = away
	write(t, meta(stamp), away, "backup-"+stamp, "bundle-meta.json")
	target := at(memory.KindFiles, filepath.Join(away, "backup-"+stamp))
	t.Run("ErrNoReason", func(t *testing.T) {
		_, err := b.ask(t, guard.Request{Operation: guard.Prune, Target: target})
		wantRefused(t, err, guard.Own, guard.ErrNoReason)
	})
	t.Run("replace", func(t *testing.T) {
		req := requestFor(target)
		req.Reason = "r"
		_, err := b.ask(t, req)
		wantRefused(t, err, guard.Own, guard.ErrNoToken)
	})
	t.Run("demo", func(t *testing.T) {
		_, err := b.ask(t, guard.Request{Operation: guard.DemoReset, Target: target, Reason: "r"})
		wantRefused(t, err, guard.Own, guard.ErrNotMarked)
	})
	t.Run("kept-aside collection", func(t *testing.T) {
		aside := chroma("http://h:8000", "id-1", mark(guard.MarkAside, "id-1", "plan-0", true))
		req := guard.Request{Operation: guard.Prune, Target: aside, Reason: "7 days old"}
		permit, err := b.ask(t, req)
		wantAllowed(t, permit, err, guard.Own, req)
	})
}

// A prune of what isn't ours is refused with both factors too: no plan of a
// prune ever shows it.
func TestPruneOfProduction(t *testing.T) {
	b := newBench(t).allow()
	req := guard.Request{Operation: guard.Prune, Target: at(memory.KindFiles, elsewhere(t)), Reason: "r"}
	req = b.confirmed(t, req)
	_, err := b.ask(t, req)
	wantRefused(t, err, guard.Production, guard.ErrNotOwn)
}

// A demo may reset only a folder that it made, wherever it is.
func TestDemoReset(t *testing.T) {
	temp, away := scratch(t), elsewhere(t)
	marked := func(parts ...string) string {
		dir := folder(t, parts...)
		if err := guard.MarkFolder(dir); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	made := marked(away, "keepsake-demo")
	write(t, "x", made, "memory", "graph.sqlite")
	copied := folder(t, away, "copy")
	text, err := os.ReadFile(filepath.Join(made, ".keepsake-disposable.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, string(text), copied, ".keepsake-disposable.json")
	linkedMark := folder(t, away, "linked")
	link(t, filepath.Join(made, ".keepsake-disposable.json"), linkedMark, ".keepsake-disposable.json")
	used := marked(away, "used")
	folder(t, used, "sub", ".Neo-ai-data")
	under := marked(away, "under")
	if err := os.Rename(under, filepath.Join(folder(t, away, ".neo-ai-data"), "under")); err != nil {
		t.Fatal(err)
	}
	moved := marked(away, "before")
	if err := os.Rename(moved, filepath.Join(away, "after")); err != nil {
		t.Fatal(err)
	}
	broken := marked(away, "broken")
	write(t, string(text)+"}", broken, ".keepsake-disposable.json")
	long := marked(away, "long")
	longText, err := os.ReadFile(filepath.Join(long, ".keepsake-disposable.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, string(longText)+strings.Repeat(" ", 4096), long, ".keepsake-disposable.json")
	full := marked(away, "full")
	fullText, err := os.ReadFile(filepath.Join(full, ".keepsake-disposable.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, string(fullText)+strings.Repeat(" ", 4096-len(fullText)), full, ".keepsake-disposable.json")
	twice := marked(away, "twice")
	if err := os.Link(filepath.Join(twice, ".keepsake-disposable.json"), filepath.Join(away, "kept-mark")); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		path   string
		class  guard.Class
		ground error
	}{
		"made":               {made, guard.Disposable, nil},
		"made in /tmp":       {marked(temp, "keepsake-demo"), guard.Disposable, nil},
		"moved":              {filepath.Join(away, "after"), guard.Disposable, nil},
		"through a link":     {link(t, made, away, "link"), guard.Disposable, nil},
		"not made":           {folder(t, away, "mine"), guard.Production, guard.ErrNotMarked},
		"not made, in /tmp":  {folder(t, temp, "mine"), guard.Disposable, guard.ErrNotMarked},
		"inside":             {made + "/memory", guard.Production, guard.ErrNotMarked},
		"not there":          {away + "/none", guard.Production, guard.ErrNotMarked},
		"copied mark":        {copied, guard.Production, guard.ErrNotMarked},
		"mark is a link":     {linkedMark, guard.Production, guard.ErrNotMarked},
		"mark has two names": {twice, guard.Production, guard.ErrNotMarked},
		"mark is no JSON":    {broken, guard.Production, guard.ErrNotMarked},
		"mark is just not":   {full, guard.Disposable, nil},
		"mark is too long":   {long, guard.Production, guard.ErrNotMarked},
		"holds neo data":     {used, guard.Production, guard.ErrNotMarked},
		"under neo data":     {away + "/.neo-ai-data/under", guard.Production, guard.ErrNotMarked},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).allow()
			req := guard.Request{Operation: guard.DemoReset, Target: guard.DemoTarget(t.Context(), c.path)}
			permit, err := b.ask(t, req)
			if c.ground == nil {
				wantAllowed(t, permit, err, c.class, req)
				return
			}
			wantRefused(t, err, c.class, c.ground)
		})
	}
}

func TestMarkFolderRefuses(t *testing.T) {
	away := elsewhere(t)
	full := folder(t, away, "full")
	write(t, "x", full, "x")
	for name, path := range map[string]string{
		"full":           full,
		"file":           write(t, "x", away, "file"),
		"not there":      away + "/none",
		"relative":       "demo",
		"under neo data": folder(t, away, ".neo-ai-data", "demo"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := guard.MarkFolder(path); err == nil {
				t.Error("marked")
			}
			if _, err := os.Stat(filepath.Join(path, ".keepsake-disposable.json")); err == nil {
				t.Error("a mark was left")
			}
		})
	}
	t.Run("no room for the mark's name", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("the longest path is another here")
		}
		dir := t.TempDir()
		for len(dir) < 3900 {
			dir = filepath.Join(dir, strings.Repeat("d", 180))
		}
		dir = folder(t, dir, strings.Repeat("e", 4085-len(dir)))
		if err := guard.MarkFolder(dir); !errors.Is(err, syscall.ENAMETOOLONG) {
			t.Errorf("got %v, want that the name is too long", err)
		}
	})
	t.Run("marked already", func(t *testing.T) {
		dir := folder(t, away, "twice")
		if err := guard.MarkFolder(dir); err != nil {
			t.Fatal(err)
		}
		if err := guard.MarkFolder(dir); err == nil {
			t.Error("marked again")
		}
	})
}
