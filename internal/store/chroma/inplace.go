package chroma

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// stageInPlace makes sure that the records can take the place of the rows, one
// by one, in the collection that is there: it keeps its id. Nothing is written
// before Commit.
func (s *Server) stageInPlace(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.StageOptions) (store.Staged, error) {
	defer s.client.close()
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	t, found, err := s.openFor(ctx, spec)
	if err != nil {
		return nil, err
	}
	staged := &inPlace{server: s, spec: spec, records: records, opts: opts}
	if err = s.atRest(ctx, spec.Name); err == nil && found != nil {
		err = fits(found, spec)
	}
	if err == nil {
		staged.rows, err = rows.Takes(ctx, t, records)
	}
	if err != nil {
		return nil, s.explain("stage", spec.Name, err, nil)
	}
	return staged, nil
}

// atRest refuses a section whose collection is being swapped: what has its name
// may be neither the old nor the new one.
func (s *Server) atRest(ctx context.Context, section memory.Section) error {
	all, err := s.client.roster(ctx)
	if err != nil {
		return err
	}
	if plan := all.unfinished(s.config.Collections[section]); plan != "" {
		return unfinishedError(plan)
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
	t, _, err := p.server.openFor(ctx, p.spec)
	if err != nil {
		return err
	}
	n, err := rows.Takes(ctx, t, p.records)
	if err == nil && n != p.rows {
		err = fmt.Errorf("%w: the records were %d at first and %d the second time", store.ErrStaged, p.rows, n)
	}
	return p.server.explain("check", p.spec.Name, err, nil)
}

// Commit has rows.InPlace make the rows those of the records. Only ids are compared
// with safety. Rows that came after the listing stay, and are told.
func (p *inPlace) Commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	defer p.server.client.close()
	t, found, err := p.server.openFor(ctx, p.spec)
	if err != nil {
		return store.Committed{}, err
	}
	err = permit.Covers(p.opts.Operation, p.server.locatorOf(p.spec.Name, found))
	if err == nil && p.done {
		done := store.Committed{}
		done.Rows, err = t.client.count(ctx, t.id)
		return done, err
	}
	var done store.Committed
	if err == nil {
		err = p.server.atRest(ctx, p.spec.Name)
	}
	if err == nil {
		done, err = p.replace(ctx, t, found, safety)
	}
	if err != nil {
		return store.Committed{}, p.server.explain("replace in place", p.spec.Name, err, nil)
	}
	p.done = true
	return done, nil
}

// replace leaves the collection as it is until safety has been compared.
func (p *inPlace) replace(ctx context.Context, t *table, found *collection, safety iter.Seq2[memory.Record, error]) (done store.Committed, err error) {
	if found != nil {
		err = fits(found, p.spec)
	}
	var begun *rows.InPlace
	if err == nil {
		begun, err = rows.Begin(ctx, t, safety)
	}
	if err == nil && found == nil {
		found, begun, err = p.make(ctx, t.can)
	}
	if err != nil {
		return done, err
	}
	var late int64
	if done.Rows, late, err = begun.Run(ctx, p.records); err != nil {
		return done, err
	}
	done.Findings, err = p.settle(ctx, found, late)
	return done, err
}

// make makes the collection, which was absent.
func (p *inPlace) make(ctx context.Context, can abilities) (*collection, *rows.InPlace, error) {
	found, _, err := p.server.openOrMake(ctx, p.server.config.Collections[p.spec.Name], p.spec)
	if err != nil {
		return nil, nil, err
	}
	begun, err := rows.Begin(ctx, p.server.table(found, p.spec, can), nil)
	if err == nil && begun.Before() > 0 {
		err = fmt.Errorf("%w: somebody made it meanwhile, with %d rows", store.ErrMoved, begun.Before())
	}
	return found, begun, err
}

// Close has nothing to let go of.
func (p *inPlace) Close() error { return nil }
