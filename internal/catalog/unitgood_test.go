package catalog_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// putFiles publishes a bundle of a graph and of files of two sources.
func (s *shelf) putFiles(ts string, adapt func(*bundle.Keepsake)) *bundletest.Broken {
	s.t.Helper()
	opts := options(s.t, s.root)
	opts.Now = at(s.t, ts)
	path, err := write(opts, []memory.Section{"notes/a.md", "notes/b.md", "pictures/c.png"}, func(m *bundle.Meta) {
		if adapt != nil {
			adapt(m.Keepsake)
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return &bundletest.Broken{T: s.t, Path: path}
}

// wantUnits holds the units of the one bundle against what is wrong with each.
func (s *shelf) wantUnits(want map[memory.Unit]string) {
	s.t.Helper()
	c := s.list()
	units := c.Bundles[0].Units()
	if len(units) != len(want) {
		s.t.Errorf("got %d units, want %d", len(units), len(want))
	}
	for _, u := range units {
		if why, ok := want[u.Unit]; !ok || u.Why != why {
			s.t.Errorf("%s: got %q, want %q", u.Unit, u.Why, why)
		}
	}
}

func TestTrue_13_AUnitIsGoodByItself(t *testing.T) {
	good := map[memory.Unit]string{"graph/graph": "", "notes": "", "pictures": ""}
	but := func(unit memory.Unit, why string) map[memory.Unit]string {
		return map[memory.Unit]string{"graph/graph": good["graph/graph"], "notes": "", "pictures": "", unit: why}
	}
	section := func(name memory.Section, change func(*bundle.SectionMeta)) func(*bundle.Keepsake) {
		return func(k *bundle.Keepsake) { k.Status = bundle.Degraded; change(k.Section(name)) }
	}
	for name, c := range map[string]struct {
		adapt func(*bundle.Keepsake)
		want  map[memory.Unit]string
	}{
		"Whole":    {nil, good},
		"Degraded": {func(k *bundle.Keepsake) { k.Status = bundle.Degraded }, good},
		"Suspect": {
			section("notes/b.md", func(s *bundle.SectionMeta) { s.Lineage.Suspect = true }),
			but("notes", "notes/b.md is suspect"),
		},
		"Unread": {
			section("graph/graph", func(s *bundle.SectionMeta) { s.Capture.Missing = 1 }),
			but("graph/graph", "graph/graph was not read whole"),
		},
		"Short": {
			section("pictures/c.png", func(s *bundle.SectionMeta) { s.Capture.Held = 2 }),
			but("pictures", "pictures/c.png was not read whole"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{t, t.TempDir()}
			s.putFiles(day1, c.adapt)
			s.wantUnits(c.want)
		})
	}
	t.Run("SizeOfItsOwnFile", func(t *testing.T) {
		s := &shelf{t, t.TempDir()}
		s.putFiles(day1, nil).Write("notes/a.md", nil)
		s.wantUnits(but("notes", "notes/a.md has not the size that the meta says"))
	})
	t.Run("SealWrong", func(t *testing.T) {
		s := &shelf{t, t.TempDir()}
		s.putFiles(day1, nil).Replace(bundle.MetaFile, `"sequence": 17`, `"sequence": 18`)
		s.wantUnits(nil)
	})
}

// A verification says of which units it found something; one that doesn't, an older
// one, speaks against all.
func TestTrue_13_VerificationsAreOfUnits(t *testing.T) {
	ctx := context.Background()
	s := &shelf{t, t.TempDir()}
	b := s.putFiles(day1, nil)
	note := func(v catalog.Verification) {
		t.Helper()
		v.At = at(t, day2)
		if err := catalog.UpdateNotes(s.root, filepath.Base(b.Path), func(n *catalog.Notes) { n.Add(v) }); err != nil {
			t.Fatal(err)
		}
	}
	why := func(level bundle.Level) string {
		return "did not verify (" + string(level) + ", " + at(t, day2).Format(time.RFC3339) + ")"
	}
	note(catalog.Verification{Level: bundle.Quick})
	s.wantUnits(map[memory.Unit]string{"graph/graph": why("quick"), "notes": why("quick"), "pictures": why("quick")})

	b.Write("notes/a.md", []byte("y"))
	opened, err := bundle.Open(b.Path, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := opened.Verify(ctx, bundle.Full, bundle.VerifyOptions{})
	if err != nil || !report.Refused() {
		t.Fatalf("a changed byte: %v, %v", report, err)
	}
	note(catalog.Verification{Level: bundle.Full, Bad: opened.Against(report.Findings)})
	s.wantUnits(map[memory.Unit]string{"graph/graph": "", "notes": why("full"), "pictures": ""})

	if err := os.WriteFile(b.File("notes/strange"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if report, err = opened.Verify(ctx, bundle.Quick, bundle.VerifyOptions{}); err != nil || opened.Against(report.Findings) != nil {
		t.Errorf("a file of no section: got %v, %v, want it against the whole bundle", opened.Against(report.Findings), err)
	}
}
