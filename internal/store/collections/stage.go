package collections

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// Stage implements store.Replacer. The records become a collection of their own
// in the same file, "<name>-shadow-<plan>", that bears the guard's mark of a
// shadow; no section names it. What the spec doesn't say of the collection is
// taken from the live one, which must have the same distance and dimension.
// Where there is no file, they become one beside its place.
func (s *Store) Stage(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	name, err := s.collectionOf(spec.Name)
	if err != nil {
		return nil, err
	}
	if err := checkSpec(spec); err != nil {
		return nil, fmt.Errorf("stage %s: %w", spec.Name, err)
	}
	path, info, err := store.Locate(s.config.Path)
	if err != nil {
		return nil, unreachable(ctx, s.config.Path, err)
	}
	g := &staged{store: s, spec: spec, records: records, opts: opts, name: name, home: path}
	if g.anew = info == nil; g.anew {
		dir, base := filepath.Split(path)
		g.path, g.home = path, filepath.Join(dir, "."+base+"."+opts.Plan+".tmp")
	}
	if err := g.fill(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("stage %s: %w", spec.Name, explain(err)), g.Close())
	}
	return g, nil
}

// staged is a shadow that is ready to become a section's collection.
type staged struct {
	store   *Store
	spec    memory.SectionSpec
	records iter.Seq2[memory.Record, error]
	opts    store.StageOptions
	name    string // of the live collection
	home    string // the file that the shadow is in
	anew    bool   // that is a file of ours beside path, where there is none
	path    string
	rows    int64
	swapped bool // the shadow has the name
	done    bool
}

func (g *staged) shadow() string { return g.name + "-shadow-" + g.opts.Plan }

// fill puts the records into the shadow. What it holds from an earlier try of the
// plan stays, unless it is of other records.
func (g *staged) fill(ctx context.Context) (err error) {
	if g.anew {
		removeTemp(g.home)
		if err := Create(ctx, g.home); err != nil {
			return err
		}
	}
	f, err := openFile(ctx, g.home, writing, g.store.config.BusyTimeout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	err = g.add(ctx, f)
	var refused *rows.RefusedError
	if errors.As(err, &refused) { // the same plan would be refused again
		err = errors.Join(err, g.drop(ctx, f))
	}
	return err
}

// add has the shadow hold the records and no others.
func (g *staged) add(ctx context.Context, f *file) error {
	e, err := g.open(ctx, f)
	if err != nil {
		return err
	}
	return g.with(ctx, f, e, func(t *table) error {
		filled, err := rows.Fill(ctx, t, g.records, true)
		if err == nil {
			g.rows, err = filled.Records(), filled.DeleteOthers(ctx)
		}
		return err
	})
}

// with does something with the rows of the shadow, of which none or all count.
func (g *staged) with(ctx context.Context, f *file, e entry, do func(*table) error) error {
	t, err := f.table(ctx, e)
	if err != nil {
		return err
	}
	t.whole = true
	return errors.Join(do(t), t.close())
}

// open returns the shadow, and makes it when it isn't there.
func (g *staged) open(ctx context.Context, f *file) (entry, error) {
	live, err := f.find(ctx, g.name)
	if err != nil && !errors.Is(err, store.ErrAbsent) {
		return entry{}, err
	}
	g.spec = inherit(g.spec, live)
	if err := live.accepts(g.spec); err != nil {
		return entry{}, err
	}
	e, err := g.find(ctx, f)
	if !errors.Is(err, store.ErrAbsent) {
		return e, err
	}
	c := g.collection()
	c.ID, c.Name = uuid.NewString(), g.shadow()
	if c.Metadata, err = store.WithNotes(c.Metadata, map[string]string{guard.MarkKey: g.mark(c.ID).Encode()}); err != nil {
		return entry{}, err
	}
	return f.insert(ctx, c, g.spec)
}

// collection is what the live collection is to be, but for id and name.
func (g *staged) collection() (c memory.Collection) {
	if g.spec.Collection != nil {
		c = *g.spec.Collection
	}
	c.Metadata = withoutMark(c.Metadata)
	return c
}

func (g *staged) mark(id string) guard.Mark {
	return guard.Mark{Kind: guard.MarkShadow, ID: id, Plan: g.opts.Plan}
}

// find returns the shadow. One that doesn't bear this plan's mark is not ours.
func (g *staged) find(ctx context.Context, f *file) (entry, error) {
	e, err := f.find(ctx, g.shadow())
	if err == nil && store.Note(e.collection.Metadata, guard.MarkKey) != g.mark(e.collection.ID).Encode() {
		err = fmt.Errorf("collection %q was not made by this plan", g.shadow())
	}
	return e, err
}

// drop removes the shadow, if there is one.
func (g *staged) drop(ctx context.Context, f *file) error {
	return f.immediately(ctx, func(ctx context.Context) error {
		e, err := g.find(ctx, f)
		if errors.Is(err, store.ErrAbsent) {
			return nil
		}
		if err != nil {
			return err
		}
		return f.remove(ctx, e)
	})
}

// Check implements store.Staged.
func (g *staged) Check(ctx context.Context) error {
	if err := g.check(ctx); err != nil {
		return fmt.Errorf("check what was staged for %s: %w", g.spec.Name, explain(err))
	}
	return nil
}

func (g *staged) check(ctx context.Context) (err error) {
	f, err := openFile(ctx, g.home, reading, g.store.config.BusyTimeout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	e, err := g.find(ctx, f)
	if err != nil {
		return errors.Join(store.ErrStaged, err)
	}
	return g.with(ctx, f, e, func(t *table) error {
		d, _, err := rows.Compare(ctx, t, g.records, nil)
		if err == nil && (d.Same != g.rows || d.Live != g.rows) {
			err = fmt.Errorf("%w: of %d records %d are in it as they are, in %d rows", store.ErrStaged, g.rows, d.Same, d.Live)
		}
		return err
	})
}

// Close implements store.Staged. A shadow in a file that lives is left to the
// same plan.
func (g *staged) Close() error {
	if g.anew && !g.done {
		removeTemp(g.home)
		if _, err := os.Lstat(g.home); err == nil {
			return fmt.Errorf("remove what was staged for %s: %s is still there", g.spec.Name, g.home)
		}
	}
	return nil
}
