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

	m := &merge{file: f, name: name, opts: opts, result: &result}
	if err := m.run(ctx, spec, records); err != nil {
		return result, fmt.Errorf("merge %s: %w", spec.Name, explain(err))
	}
	return result, nil
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

// merge is one run of Merge.
type merge struct {
	file   *file
	name   string
	opts   store.MergeOptions
	result *store.Result
	entry  entry
	scan   incoming
}

func (m *merge) run(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error]) error {
	if err := m.begin(ctx, spec); err != nil {
		return err
	}
	err := m.add(ctx, records)
	if err == nil {
		err = m.prove(ctx, records)
	}
	// Counted even after a failure: the result says what is in.
	now, countErr := m.file.find(context.WithoutCancel(ctx), m.name)
	m.result.After = now.rows
	return errors.Join(err, countErr)
}

// begin finds the collection or makes it. All that speaks against the merge as
// a whole is said here, before anything is written.
func (m *merge) begin(ctx context.Context, spec memory.SectionSpec) error {
	e, err := m.file.find(ctx, m.name)
	if errors.Is(err, store.ErrAbsent) {
		if e, err = m.file.create(ctx, m.name, spec); err == nil {
			m.result.Created = true
		}
	}
	if err != nil {
		return err
	}
	m.entry, m.result.Before = e, e.rows
	return e.accepts(spec)
}

// report passes an event on to who asked for it.
func (m *merge) report(event store.Event) error {
	if m.opts.Report == nil {
		return nil
	}
	return m.opts.Report(event)
}
