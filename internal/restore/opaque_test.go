package restore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
	"keepsake/internal/store"
	"keepsake/internal/store/collections"
	"keepsake/internal/store/graph"
)

// What the drawer holds at first, and later: two rows and three, and bytes that are
// no text.
const (
	oldDB = "SQLite\x00\xff\none\n"
	newDB = "SQLite\x00\xfe\none\nmore\n"
)

func TestMergeOpaque(t *testing.T) {
	for _, tt := range []struct {
		name, live string
		want       store.Result
		outcome    store.Outcome
		after      string
	}{
		{"Absent", "", store.Result{Records: 2, Added: 2, Same: 2, After: 2, Created: true, Proof: store.ProofFull}, store.Added, oldDB},
		{"Same", oldDB, store.Result{Records: 2, Same: 2, Before: 2, After: 2, Proof: store.ProofFull}, "", oldDB},
		{"Another", newDB, store.Result{Records: 2, Differs: 2, Before: 3, After: 3, Proof: store.ProofFull}, store.Differs, newDB},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCabinet(t)
			c.put(oldDB)
			b := c.bundle(bundle.ReasonBackup)
			c.remove()
			if tt.live != "" {
				c.put(tt.live)
			}
			r := c.merge(b)
			s := r.Sections[0]
			if s.Result != tt.want || s.State != restore.StateDone || !r.Complete || s.Kind != memory.Opaque {
				t.Errorf("got %+v, %s, complete %t, want %+v", s.Result, s.State, r.Complete, tt.want)
			}
			c.holds(tt.after)
			journal, err := os.ReadFile(filepath.Join(r.Dir, "records.jsonl"))
			if tt.outcome == "" != errors.Is(err, os.ErrNotExist) || tt.outcome != "" && !strings.Contains(string(journal), `"outcome":"`+string(tt.outcome)+`"`) {
				t.Errorf("the journal is %s, %v, want %s", journal, err, tt.outcome)
			}
			sum := sha256.Sum256([]byte(oldDB))
			if named := strings.Contains(string(journal), `"digest":"`+hex.EncodeToString(sum[:])+`"`); named != (tt.outcome == store.Added) {
				t.Errorf("the journal is %s, want the SHA-256 of the file: %t", journal, tt.outcome == store.Added)
			}
		})
	}
}

// A file that the target will not take is no row that could be kept aside.
func TestRejectedOpaque(t *testing.T) {
	c := newCabinet(t)
	c.put("bad\xff\n")
	b := c.bundle(bundle.ReasonBackup)
	c.put(oldDB)
	r := c.merge(b)
	if s := r.Sections[0]; s.State != restore.StateIncomplete || s.Rejected != 1 || r.Complete {
		t.Errorf("got %+v, %s, want one row rejected", s.Result, s.State)
	}
	if text, err := os.ReadFile(filepath.Join(r.Dir, "unrestored.jsonl")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unrestored.jsonl is %q, %v, want none", text, err)
	}
	opts := c.replacing(b, "restore.replace")
	opts.Replace.AcceptShrink = true
	plan, err := restore.Preflight(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var refused *restore.RefusedError
	if err := plan.Refusal(); !errors.As(err, &refused) || refused.Ground != restore.GroundStore || !strings.Contains(err.Error(), "is no database") {
		t.Errorf("got %v, want a refusal", err)
	}
	c.holds(oldDB)
}

func TestTakeOpaqueBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*cabinet)
		want   store.Removal
		after  string
	}{
		{"AsItWasPutIn", func(*cabinet) {}, store.Removal{Removed: 2}, ""},
		{"Changed", func(c *cabinet) { c.put(newDB) }, store.Removal{Kept: 2, Rows: 3}, newDB},
		{"Gone", func(c *cabinet) { c.remove() }, store.Removal{Gone: 2}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCabinet(t)
			c.put(oldDB)
			b := c.bundle(bundle.ReasonBackup)
			c.remove()
			merged := c.merge(b)
			tt.change(c)
			r, err := c.takeback(merged, b)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Sections[0].TakenBack; got == nil || *got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			c.holds(tt.after)
		})
	}
	t.Run("WithoutRows", func(t *testing.T) {
		c := newCabinet(t)
		c.put("SQLite and no rows")
		b := c.bundle(bundle.ReasonBackup)
		c.remove()
		c.merge(b)
		merged, err := restore.LatestReceipt(c.at("restores"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.takeback(merged, b); err != nil {
			t.Fatal(err)
		}
		c.holds("")
	})
	t.Run("NothingAdded", func(t *testing.T) {
		c := newCabinet(t)
		c.put(oldDB)
		b := c.bundle(bundle.ReasonBackup)
		c.merge(b)
		if _, err := restore.LatestReceipt(c.at("restores")); !errors.Is(err, restore.ErrNothingToUndo) {
			t.Errorf("got %v, want %v", err, restore.ErrNothingToUndo)
		}
	})
	t.Run("AnotherFile", func(t *testing.T) {
		c := newCabinet(t)
		c.put(oldDB)
		b := c.bundle(bundle.ReasonBackup)
		c.remove()
		merged := c.merge(b)
		path := filepath.Join(merged.Dir, "records.jsonl")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		was, other := sha256.Sum256([]byte(oldDB)), sha256.Sum256([]byte(newDB))
		text = []byte(strings.ReplaceAll(string(text), hex.EncodeToString(was[:]), hex.EncodeToString(other[:])))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var refused *restore.RefusedError
		if _, err := c.takeback(merged, b); !errors.As(err, &refused) || refused.Ground != restore.GroundBundle {
			t.Errorf("got %v, want a refusal", err)
		}
		c.holds(oldDB)
	})
}

// A replace there and back, with a safety bundle each time.
func TestReplaceOpaque(t *testing.T) {
	c := newCabinet(t)
	c.put(newDB)
	b := c.bundle(bundle.ReasonBackup)
	c.put(oldDB)
	r := c.replace(c.replacing(b, "restore.replace"))
	s := r.Sections[0]
	if s.State != restore.StateDone || s.Records != 3 || s.Before != 2 || s.After != 3 || s.Replaced.Lost != 2 || s.Replaced.New != 3 {
		t.Errorf("got %+v, %+v, want 2 rows lost and 3 new", s, s.Replaced)
	}
	c.holds(newDB)
	undo := c.replacing(c.open(r.Safety), "undo")
	undo.Replace.AcceptShrink = true
	undo.Replace.Back, undo.Replace.Vacate = r.Back(keeper.Kinds())
	c.replace(undo)
	c.holds(oldDB)
}

// What was not there becomes empty again, as the kind of section that it was.
func TestVacateOpaque(t *testing.T) {
	c := newCabinet(t)
	c.put(oldDB)
	b := c.bundle(bundle.ReasonBackup)
	c.remove()
	r := c.replace(c.replacing(b, "restore.replace"))
	c.holds(oldDB)
	_, vacate := r.Back(keeper.Kinds())
	if want := []memory.SectionSpec{{Name: appDB, Kind: memory.Opaque}}; !slices.Equal(vacate, want) {
		t.Errorf("got %+v, want %+v", vacate, want)
	}
	r.Sections[0].Kind = "" // as in a receipt of an older version
	if _, vacate = r.Back(keeper.Kinds()); vacate[0].Kind != memory.Opaque {
		t.Errorf("got %+v, want it opaque", vacate)
	}
}

// Fewer rows than live are a shrink, whatever the bytes.
func TestOpaqueShrinks(t *testing.T) {
	c := newCabinet(t)
	c.put("SQLite, and what is long has few rows all the same\n")
	b := c.bundle(bundle.ReasonBackup)
	c.put(newDB)
	plan, err := restore.Preflight(t.Context(), c.replacing(b, "restore.replace"))
	if err != nil {
		t.Fatal(err)
	}
	var refused *restore.RefusedError
	if err := plan.Refusal(); !errors.As(err, &refused) || refused.Ground != restore.GroundShrink {
		t.Errorf("got %v, want a refusal", err)
	}
	e := plan.Estimate()
	if want := int64(len(newDB)); e.SafetyBytes != want {
		t.Errorf("safety bundle: got %d bytes, want %d", e.SafetyBytes, want)
	}
	if want := int64(len("SQLite, and what is long has few rows all the same\n")); e.StagedBytes != want {
		t.Errorf("staged: got %d bytes, want %d", e.StagedBytes, want)
	}
	c.holds(newDB)
}

// A bundle that changes after it was verified ends the restore.
func TestOpaqueThatChangesMeanwhile(t *testing.T) {
	c := newCabinet(t)
	c.put(oldDB)
	b := c.bundle(bundle.ReasonBackup)
	c.remove()
	plan, err := restore.Preflight(t.Context(), c.options(b))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(b.Path(), "state", "app.db")
	if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, []byte(newDB), 0o600)); err != nil {
		t.Fatal(err)
	}
	if r, err := restore.Run(t.Context(), plan, c.journal()); !errors.Is(err, bundle.ErrChanged) || r.Complete {
		t.Errorf("got %v, want %v", err, bundle.ErrChanged)
	}
	c.holds("")
}

// A section does not go where another kind of records lives.
func TestKindsApart(t *testing.T) {
	t.Run("OpaqueIntoAGraph", func(t *testing.T) {
		c := newCabinet(t)
		c.put(oldDB)
		opts := c.options(c.bundle(bundle.ReasonBackup))
		opts.Targets[0].Store = graph.New(graph.Config{Path: c.at("graph.sqlite"), Section: appDB})
		refusedFor(t, opts, "kind")
	})
	t.Run("OpaqueIntoVectors", func(t *testing.T) {
		c := newCabinet(t)
		c.put(oldDB)
		opts := c.options(c.bundle(bundle.ReasonBackup))
		opts.Targets[0].Store = collections.New(collections.Config{
			Path: c.at("vectors.sqlite"), Collections: map[memory.Section]string{appDB: "app"},
		})
		refusedFor(t, opts, "kind")
	})
	t.Run("VectorsIntoADatabase", func(t *testing.T) {
		c := newCabinet(t)
		opts := c.options(c.open(makeBundle(t)))
		opts.Targets, opts.Only = []restore.Target{{Sections: []string{"kb"}, Store: c.drawer}}, []string{"kb"}
		opts.Topology = memory.Topology{Unified: true}
		refusedFor(t, opts, "kind")
	})
}

func refusedFor(t *testing.T, opts restore.Options, code string) {
	t.Helper()
	plan, err := restore.Preflight(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Refusal(); err == nil || !slices.ContainsFunc(plan.Findings(), func(f memory.Finding) bool { return f.Code == code && f.Level == memory.Refusal }) {
		t.Errorf("got %v, want a refusal for %s", plan.Findings(), code)
	}
}

// meter is what a progress was told last of the section.
type meter struct{ rows, bytes, total int64 }

func (p *meter) Begin(_ string, s memory.Section, total int64) {
	if s == appDB {
		*p = meter{total: total}
	}
}
func (p *meter) Advance(rows, bytes int64) { p.rows, p.bytes = p.rows+rows, p.bytes+bytes }
func (p *meter) End()                      {}

// The blocks of a file are no rows for a progress either.
func TestOpaqueProgress(t *testing.T) {
	c := newCabinet(t)
	c.put(oldDB)
	b := c.bundle(bundle.ReasonBackup)
	c.remove()
	opts, p := c.options(b), &meter{}
	opts.Progress = p
	plan, err := restore.Preflight(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	c.ran(restore.Run(t.Context(), plan, c.journal()))
	if want := (meter{2, int64(len(oldDB)), 2}); *p != want {
		t.Errorf("told of %+v, want %+v", *p, want)
	}
}
