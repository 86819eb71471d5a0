package catalog_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/catalog"
)

// shelf is a backup root with bundles on it.
type shelf struct {
	t    *testing.T
	root string
}

// put publishes a small bundle.
func (s *shelf) put(ts string, sequence int64, adapt func(*bundle.Keepsake)) *bundletest.Broken {
	s.t.Helper()
	opts := options(s.t, s.root)
	opts.Now = at(s.t, ts)
	path, err := write(opts, nil, func(m *bundle.Meta) {
		m.Keepsake.Sequence = sequence
		if adapt != nil {
			adapt(m.Keepsake)
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return &bundletest.Broken{T: s.t, Path: path}
}

func (s *shelf) list() *catalog.Catalog {
	s.t.Helper()
	c, err := catalog.List(s.root)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

const (
	day1 = "2026-11-01T00-00-00.000Z"
	day2 = "2026-11-02T00-00-00.000Z"
	day3 = "2026-11-03T00-00-00.000Z"
	day4 = "2026-11-04T00-00-00.000Z"
)

func entryNames(entries []catalog.Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, strings.TrimPrefix(e.Name, bundle.Prefix))
	}
	return all
}

func TestList(t *testing.T) {
	s := &shelf{t, t.TempDir()}
	// The clock went back between the second and the third.
	s.put(day2, 1, nil)
	s.put(day3, 2, nil)
	s.put(day1, 3, nil)
	if err := os.CopyFS(filepath.Join(s.root, bundle.Prefix+day4), os.DirFS("../bundle/testdata/neo-13.1.0/backup-2026-11-22T23-14-40.692Z")); err != nil {
		t.Fatal(err)
	}
	w, err := bundle.Create(context.Background(), options(t, s.root))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	partial, err := filepath.Glob(filepath.Join(s.root, bundle.PartialPrefix+"*"))
	if err != nil || len(partial) != 1 {
		t.Fatalf("partials are %v, %v", partial, err)
	}
	for _, name := range []string{"backup-1", "backup-2019", "backup-before-migration-3", bundle.TrashPrefix + "x", ".lock-dir"} {
		if err := os.Mkdir(filepath.Join(s.root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.root, "backup-2026-11-05T00-00-00.000Z"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(s.root, filepath.Join(s.root, "backup-2026-11-06T00-00-00.000Z")); err != nil {
		t.Skip(err)
	}
	before := bundletest.State(t, s.root)
	c := s.list()
	if got, want := entryNames(c.Bundles), []string{day1, day3, day2, day4}; !slices.Equal(got, want) {
		t.Errorf("bundles are %v, want %v", got, want)
	}
	if got, want := c.Partials, []string{filepath.Base(partial[0])}; !slices.Equal(got, want) {
		t.Errorf("partials are %v, want %v", got, want)
	}
	if got, want := c.Trash, []string{bundle.TrashPrefix + "x"}; !slices.Equal(got, want) {
		t.Errorf("trash is %v, want %v", got, want)
	}
	if got, want := c.Others, []string{"backup-1", "backup-2019", "backup-2026-11-05T00-00-00.000Z", "backup-2026-11-06T00-00-00.000Z", "backup-before-migration-3"}; !slices.Equal(got, want) {
		t.Errorf("others are %v, want %v", got, want)
	}
	if c.Bundles[3].Sealed || !c.Bundles[0].Sealed || c.Bundles[0].Err != nil {
		t.Errorf("entries are %+v", c.Bundles)
	}
	if got := bundletest.State(t, s.root); got != before {
		t.Error("listing changed the root")
	}
}

func TestListOfNothing(t *testing.T) {
	root := t.TempDir()
	if _, err := catalog.List(filepath.Join(root, "absent")); !errors.Is(err, bundle.ErrNotFound) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
	c, err := catalog.List(root)
	if err != nil || len(c.Bundles) != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, _, err := c.Latest(catalog.Wanted{}); !errors.Is(err, bundle.ErrNotFound) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
}

// Each ground for passing over a newer bundle.
func TestLatestPassesOver(t *testing.T) {
	for _, c := range []struct {
		name  string
		adapt func(*bundle.Keepsake)
		do    func(*bundletest.Broken)
		why   string // "" is not mentioned at all
		good  bool
	}{
		{name: "Good", good: true},
		{name: "Degraded", adapt: func(k *bundle.Keepsake) { k.Status = bundle.Degraded }, why: "is degraded"},
		{name: "SealWrong", do: func(b *bundletest.Broken) { b.Replace(bundle.MetaFile, `"sequence": 2`, `"sequence": 3`) }, why: "seal is wrong"},
		{name: "MetaGone", do: func(b *bundletest.Broken) { b.Remove(bundle.MetaFile) }, why: "has no bundle-meta.json"},
		{name: "MetaTorn", do: func(b *bundletest.Broken) { b.Write(bundle.MetaFile, []byte("{")) }, why: "parse meta"},
		{name: "NotOurs", do: func(b *bundletest.Broken) { b.Write(bundle.MetaFile, []byte("{}")) }, why: "was not made by keepsake"},
		{name: "DidNotVerify", do: func(b *bundletest.Broken) {
			b.Write("../.notes-"+day2+".json", []byte(`{"verifications":[{"at":"2026-11-03T00:00:00Z","level":"full"},{"level":"quick","ok":true}]}`))
		}, why: "did not verify (full, 2026-11-03T00:00:00Z)"},
		{name: "FileGone", do: func(b *bundletest.Broken) { b.Remove("graph") }, why: "is missing"},
		{name: "FileShort", do: func(b *bundletest.Broken) {
			name := "graph/graph-backup-" + day2 + ".jsonl"
			b.Write(name, b.Read(name)[:50])
		}, why: "has not the size"},
		{name: "SafetyBundle", adapt: func(k *bundle.Keepsake) { k.Reason = bundle.ReasonPreRestore }},
		{name: "Rescue", adapt: func(k *bundle.Keepsake) { k.Reason = bundle.ReasonRescue }},
		{name: "OtherMemory", adapt: func(k *bundle.Keepsake) { k.MemoryID = "another" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &shelf{t, t.TempDir()}
			s.put(day1, 1, nil)
			newer := s.put(day2, 2, c.adapt)
			if c.do != nil {
				c.do(newer)
			}
			got, passed, err := s.list().Latest(catalog.Wanted{Memory: memoryID, SkipUnreadable: true})
			if err != nil {
				t.Fatal(err)
			}
			want := day1
			if c.good {
				want = day2
			}
			if got.Name != bundle.Prefix+want {
				t.Errorf("latest is %s, want %s", got.Name, want)
			}
			switch {
			case c.why == "" && len(passed) > 0:
				t.Errorf("passed over %+v", passed)
			case c.why != "" && (len(passed) != 1 || passed[0].Entry.Name != bundle.Prefix+day2 || !strings.Contains(passed[0].Why, c.why)):
				t.Errorf("passed over %+v, want one because it %s", passed, c.why)
			}
		})
	}
}

// A newer bundle that can't be read stops the search: nobody can say whether it
// is the one. An older one is nobody's concern.
func TestLatestStops(t *testing.T) {
	for name, do := range map[string]func(*bundletest.Broken){
		"MetaTorn":  func(b *bundletest.Broken) { b.Write(bundle.MetaFile, []byte("{")) },
		"SealWrong": func(b *bundletest.Broken) { b.Replace(bundle.MetaFile, `"sequence": 2`, `"sequence": 1`) },
		"OtherReason": func(b *bundletest.Broken) {
			b.Replace(bundle.MetaFile, `"reason": "backup"`, `"reason": "rescue"`)
		},
		"Notes": func(b *bundletest.Broken) { b.Write("../.notes-"+day2+".json", []byte("{")) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{t, t.TempDir()}
			s.put(day1, 1, nil)
			do(s.put(day2, 2, nil))
			got, passed, err := s.list().Latest(catalog.Wanted{Memory: memoryID})
			if !errors.Is(err, catalog.ErrUnreadable) || !strings.Contains(err.Error(), bundle.Prefix+day2) {
				t.Errorf("error is %v, want ErrUnreadable with the name", err)
			}
			if got.Name != day1Name || len(passed) != 1 {
				t.Errorf("got %s, passed over %+v, want the one that skipping takes", got.Name, passed)
			}
			got, _, err = s.list().Latest(catalog.Wanted{Memory: memoryID, SkipUnreadable: true})
			if err != nil || got.Name != day1Name {
				t.Errorf("skipping: got %s, %v", got.Name, err)
			}
			s.put(day3, 3, nil)
			got, passed, err = s.list().Latest(catalog.Wanted{Memory: memoryID})
			if err != nil || got.Name != bundle.Prefix+day3 || len(passed) != 0 {
				t.Errorf("with a newer one: got %s, %+v, %v", got.Name, passed, err)
			}
		})
	}
}

// The sequence, not the clock, says which is newest.
func TestLatestBySequence(t *testing.T) {
	s := &shelf{t, t.TempDir()}
	s.put(day3, 1, nil)
	s.put(day1, 2, nil)
	s.put(day2, 7, func(k *bundle.Keepsake) { k.MemoryID = "another" })
	c := s.list()
	for id, want := range map[string]string{memoryID: day1, "another": day2, "": day2} {
		got, _, err := c.Latest(catalog.Wanted{Memory: id})
		if err != nil || got.Name != bundle.Prefix+want {
			t.Errorf("memory %q: latest is %s, %v, want %s", id, got.Name, err, want)
		}
	}
	if got, passed, err := c.Latest(catalog.Wanted{Memory: "unknown"}); !errors.Is(err, bundle.ErrNotFound) {
		t.Errorf("got %s, %v, %v", got.Name, passed, err)
	}
}

func TestAt(t *testing.T) {
	s := &shelf{t, t.TempDir()}
	s.put(day1, 1, nil)
	s.put(day2, 2, func(k *bundle.Keepsake) { k.Status = bundle.Degraded })
	s.put(day3, 3, nil)
	c := s.list()
	for _, a := range []struct {
		when   time.Time
		want   string
		passed int
	}{
		{at(t, day3), day3, 0},
		{at(t, day3).Add(-time.Millisecond), day1, 1},
		{at(t, day1), day1, 0},
		{at(t, day4), day3, 0},
	} {
		got, passed, err := c.Latest(catalog.Wanted{Memory: memoryID, NotAfter: a.when})
		if err != nil || got.Name != bundle.Prefix+a.want || len(passed) != a.passed {
			t.Errorf("at %v: got %s, %d passed over, %v, want %s, %d", a.when, got.Name, len(passed), err, a.want, a.passed)
		}
	}
	if _, _, err := c.Latest(catalog.Wanted{Memory: memoryID, NotAfter: at(t, day1).Add(-1)}); !errors.Is(err, bundle.ErrNotFound) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
}
