package collections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// Survey implements store.Target. It looks as a reader does and makes no file.
func (s *Store) Survey(ctx context.Context, section memory.Section) (survey store.Survey, err error) {
	name, err := s.collectionOf(section)
	if err != nil {
		return store.Survey{}, err
	}
	look, err := s.open(ctx, []memory.Section{section})
	if err != nil {
		return store.Survey{}, err
	}
	defer func() { err = errors.Join(err, look.Close()) }()
	e, ok := look.entries[section]
	locator := s.locator(name, e.collection.ID)
	survey = store.Survey{
		Locator:   locator,
		Target:    guard.NewTarget(ctx, guard.Embedded, locator, s),
		Exists:    ok,
		Rows:      e.rows,
		Dimension: e.dimension,
		Distance:  e.distance,
	}
	if ok {
		survey.Collection = &e.collection
	}
	return survey, nil
}

// Merge implements store.Target. The file is made when it is absent. A spec
// whose dimension or distance is not that of the live collection is an error
// before anything is written. Rows go in by transactions of at most a thousand
// rows or eight megabytes; Added is reported once they are committed.
//
// Rejected are rows without a vector or with one of another length, and lines
// that are no vector rows: what Chroma refuses is refused here, so that a trial
// on this engine shows what the real restore would do.
func (s *Store) Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (result store.Result, err error) {
	result.Proof = opts.Proof
	if opts.Proof == "" {
		result.Proof = store.ProofFull
	}
	name, err := s.collectionOf(spec.Name)
	if err != nil {
		return result, err
	}
	if err := checkSpec(spec); err != nil {
		return result, fmt.Errorf("merge %s: %w", spec.Name, err)
	}
	f, err := s.openForWriting(ctx)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, f.close()) }()

	if err := f.merge(ctx, name, spec, records, opts, &result); err != nil {
		return result, fmt.Errorf("merge %s: %w", spec.Name, explain(err))
	}
	return result, nil
}

// Costs implements store.Coster: beside its numbers and text a row has keys, an index
// and the heads of pages and records.
func (s *Store) Costs() store.Costs {
	return store.Costs{RowBytes: 100, NumberBytes: 4, TextBytes: 1, DocumentBytes: 1, ReadRow: 60e-6, ReadNumber: 55e-9}
}

func (s *Store) openForWriting(ctx context.Context) (*file, error) {
	if err := ensure(ctx, s.config.Path); err != nil {
		return nil, unreachable(ctx, s.config.Path, err)
	}
	f, err := openFile(ctx, s.config.Path, writing, s.config.BusyTimeout)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unreachable(ctx, s.config.Path, err) // a dangling link
	}
	return f, err
}

// merge finds the collection or makes it. All that speaks against the merge as a
// whole is said before anything is written.
func (f *file) merge(ctx context.Context, name string, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions, result *store.Result) (err error) {
	e, err := f.find(ctx, name)
	if errors.Is(err, store.ErrAbsent) {
		e, err = f.create(ctx, name, spec)
		result.Created = err == nil
	}
	if err != nil {
		return err
	}
	// Counted even after a failure: the result says what is in.
	defer func() {
		now, countErr := f.find(context.WithoutCancel(ctx), name)
		result.After = now.rows
		err = errors.Join(err, countErr)
	}()
	if result.Before = e.rows; e.accepts(spec) != nil {
		return e.accepts(spec)
	}
	t, err := f.table(ctx, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	opts.Report = saying(opts.Report, map[store.Outcome]string{store.Removed: "it was in and has been deleted since"})
	return rows.Merge(ctx, t, records, opts, result)
}

// saying is report with reasons that go without saying elsewhere.
func saying(report func(store.Event) error, why map[store.Outcome]string) func(store.Event) error {
	if report == nil {
		return nil
	}
	return func(e store.Event) error {
		if e.Reason == "" {
			e.Reason = why[e.Outcome]
		}
		return report(e)
	}
}

// Compare implements store.Replacer, in one read transaction. Newest is zero: rows
// have no time that this engine knows of.
func (s *Store) Compare(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.CompareOptions) (diff store.Difference, err error) {
	if err := checkSpec(spec); err != nil {
		return diff, fmt.Errorf("compare %s: %w", spec.Name, err)
	}
	look, err := s.open(ctx, []memory.Section{spec.Name})
	if err != nil {
		return diff, err
	}
	defer func() { err = errors.Join(err, look.Close()) }()
	if _, err := s.collectionOf(spec.Name); err != nil {
		return diff, err
	}
	e := look.entries[spec.Name]
	spec = inherit(spec, e)
	if err = e.accepts(spec); err == nil {
		diff, err = look.compare(ctx, e, spec.Dimension, records, opts.Report)
	}
	if err != nil {
		return diff, fmt.Errorf("compare %s: %w", spec.Name, explain(err))
	}
	return diff, nil
}

func (s *session) compare(ctx context.Context, e entry, dimension int, records iter.Seq2[memory.Record, error], report func(store.Event) error) (diff store.Difference, err error) {
	t, err := s.file.table(ctx, e)
	if err != nil {
		return diff, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	t.dimension, t.inSession = dimension, true
	diff, _, err = rows.Compare(ctx, t, records, saying(report, map[store.Outcome]string{
		store.Missing: "the row is not in the collection", store.Lost: "no record has its id",
	}))
	if err == nil && e.number != 0 {
		err = s.file.size(ctx, e, &diff)
	}
	return diff, err
}
