package drill_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/drill"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

const appDB = memory.Section("state/app.db")

// opaqueBundle is a bundle of one database of seven rows.
func opaqueBundle(t *testing.T, file string) *bundle.Bundle {
	t.Helper()
	w, err := bundle.Create(t.Context(), bundle.Options{Root: t.TempDir(), Now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Tool: "test"})
	if err != nil {
		t.Fatal(err)
	}
	spec := memory.SectionSpec{Name: appDB, Kind: memory.Opaque, Rows: 7, Locator: memory.Locator{Kind: memory.KindSQLite, Path: "/data/app.db"}}
	s, err := w.Write(t.Context(), spec, blocks(file))
	if err != nil {
		t.Fatal(err)
	}
	path, err := w.Publish(t.Context(), &bundle.Meta{Keepsake: &bundle.Keepsake{
		MemoryID: "3e0a5a52-6f0b-4a7e-9d52-0f5a1c7e00aa", Reason: bundle.ReasonBackup, Sequence: 1, Status: bundle.Complete,
		Sections: []bundle.SectionMeta{s.Meta(memory.Capture{Held: s.Rows})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

func blocks(file string) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		for _, b := range strings.SplitAfter(file, "e") {
			if !yield(memory.Record(b), nil) {
				return
			}
		}
	}
}

// drawer takes one file, and gives back what change makes of it; nil for none.
type drawer struct {
	file   *string
	change func(string) *string
	fails  error
}

func (d *drawer) Survey(context.Context, memory.Section) (store.Survey, error) {
	return store.Survey{Locator: memory.Locator{Kind: memory.KindSQLite, Path: "/drill/app.db"}}, nil
}

func (d *drawer) Merge(_ context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	file := ""
	for block, err := range records {
		if err != nil {
			return store.Result{}, err
		}
		file += string(block)
	}
	d.file = d.change(file)
	n := spec.Rows
	return store.Result{Records: n, Added: n, Same: n, After: n, Created: true, Proof: opts.Proof}, nil
}

func (d *drawer) Open(context.Context, []memory.Section) (store.Session, error) { return d, nil }
func (d *drawer) Sections(context.Context) ([]memory.SectionSpec, error)        { return nil, nil }
func (d *drawer) Close() error                                                  { return nil }

func (d *drawer) Read(context.Context, memory.Section) (*store.Reading, error) {
	switch {
	case d.fails != nil:
		return nil, d.fails
	case d.file == nil:
		return nil, store.ErrAbsent
	}
	return store.NewReading(blocks(*d.file), func() memory.Capture { return memory.Capture{} }), nil
}

func TestDrillOfAnOpaqueSection(t *testing.T) {
	const file = "SQLite format 3\x00\xff and pages"
	with := func(text string) func(string) *string { return func(string) *string { return &text } }
	keep := func(text string) *string { return &text }
	lose := func(string) *string { return nil }
	for _, c := range []struct {
		name, file string
		change     func(string) *string
		want       []string
		compared   int64
	}{
		{"AsItWas", file, keep, nil, 7},
		{"OneByte", file, with("SQLite format 3\x00\xfe and pages"), []string{drill.CodeMissing}, 7},
		{"Longer", file, with(file + "\n"), []string{drill.CodeMissing}, 7},
		{"Shorter", file, with("SQLite"), []string{drill.CodeMissing}, 7},
		{"Lost", file, lose, []string{drill.CodeMissing}, 0},
		{"Empty", "", keep, nil, 0},
		{"EmptyAndNotMade", "", lose, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &drawer{change: c.change}
			b := opaqueBundle(t, c.file)
			r := run(t, options(t, b, drill.Target{Sections: []string{"state"}, Store: d, Exact: true}))
			var got []string
			for _, f := range r.Findings {
				if f.Level == memory.Refusal {
					got = append(got, f.Code)
				}
			}
			if s := r.Sections[0]; !slices.Equal(got, c.want) || s.Compared != c.compared || s.Probes != 0 || r.Recall != nil {
				t.Errorf("got %v, %+v, want %v, %d rows compared, no probes", got, s, c.want, c.compared)
			}
		})
	}
	t.Run("NotExact", func(t *testing.T) {
		r := run(t, options(t, opaqueBundle(t, file), drill.Target{Sections: []string{"state"}, Store: &drawer{change: lose}}))
		if r.Refused() || r.Sections[0].Compared != 0 || r.Rows != 7 {
			t.Errorf("got %+v, want seven rows that are not compared", r)
		}
	})
	t.Run("CannotBeRead", func(t *testing.T) {
		d := &drawer{change: keep, fails: errors.New("the disk went away")}
		opts := options(t, opaqueBundle(t, file), drill.Target{Sections: []string{"state"}, Store: d, Exact: true})
		if _, err := drill.Run(t.Context(), opts); !errors.Is(err, d.fails) {
			t.Errorf("got %v, want %v", err, d.fails)
		}
	})
}
