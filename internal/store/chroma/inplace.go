package chroma

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// stageInPlace makes sure that the records can take the place of the rows, one
// by one, in the collection that is there: it keeps its id. Nothing is written
// before Commit.
func (s *Server) stageInPlace(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	defer s.client.close()
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	m, found, err := s.openFor(ctx, spec, nil)
	if err != nil {
		return nil, err
	}
	staged := &inPlace{server: s, spec: spec, records: records, opts: opts}
	if err = m.atRest(ctx); err == nil && found != nil {
		err = fits(found, spec)
	}
	if err == nil {
		err = m.takes(ctx, records)
	}
	if err != nil {
		return nil, m.explain("stage", err, nil)
	}
	staged.rows = m.result.Records
	return staged, nil
}

// atRest refuses a section whose collection is being swapped: what has its name
// may be neither the old nor the new one.
func (m *merger) atRest(ctx context.Context) error {
	all, err := m.client.census(ctx)
	if err != nil {
		return err
	}
	if plan := all.unfinished(m.server.config.Collections[m.spec.Name]); plan != "" {
		return unfinishedError(plan)
	}
	return nil
}

// takes makes sure that all of the records are fit, and none comes twice.
func (m *merger) takes(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	if err := m.enroll(ctx, records); err != nil {
		return err
	}
	return m.noneRefused()
}

func (m *merger) noneRefused() error {
	for i, marked := range m.set.marks {
		if marked&refused != 0 {
			return fmt.Errorf("row %q cannot be put in, nor %d others: %s",
				m.set.at(i), len(m.reasons)-1, m.reasons[uint32(i)])
		}
	}
	return nil
}

// inPlace is a section staged to be replaced row by row: there is nothing but
// the records.
type inPlace struct {
	server  *Server
	spec    memory.SectionSpec
	records iter.Seq2[memory.Record, error]
	opts    store.StageOptions
	rows    int64
	done    bool
}

// Check ranges over the records once more: they must be what they were.
func (p *inPlace) Check(ctx context.Context) error {
	defer p.server.client.close()
	m, _, err := p.server.openFor(ctx, p.spec, nil)
	if err != nil {
		return err
	}
	err = m.takes(ctx, p.records)
	if err == nil && m.result.Records != p.rows {
		err = fmt.Errorf("%w: the records were %d at first and %d the second time", store.ErrStaged, p.rows, m.result.Records)
	}
	if err != nil {
		return m.explain("check", err, nil)
	}
	return nil
}

// Commit makes the rows those of the records: it adds what is missing, replaces
// what differs, deletes what the records lack, and reads all of it back. Only
// ids are compared with safety. A row is deleted to be replaced once the server
// has looked at its replacement and would take it, some rows at a time, so that
// a crash costs no row that the records don't hold; the same again goes on from
// there, with a nil safety. Rows that came after the listing stay, and are told.
func (p *inPlace) Commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	defer p.server.client.close()
	m, found, err := p.server.openFor(ctx, p.spec, nil)
	if err != nil {
		return store.Committed{}, err
	}
	err = permit.Covers(p.opts.Operation, p.server.locatorOf(p.spec.Name, found))
	if err == nil && p.done {
		done := store.Committed{}
		done.Rows, err = m.client.count(ctx, m.id)
		return done, err
	}
	var done store.Committed
	if err == nil {
		err = m.atRest(ctx)
	}
	if err == nil {
		r := &rewriter{merger: m}
		done, err = r.run(ctx, found, p.records, safety)
	}
	if err != nil {
		return store.Committed{}, m.explain("replace in place", err, nil)
	}
	p.done = true
	return done, nil
}

// Close has nothing to let go of.
func (p *inPlace) Close() error { return nil }
