package chroma

import (
	"context"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Remove deletes those of records whose rows are still what they were, compared
// as the proof of a merge compares them. A record without a vector was never
// added, so its row stays. Rows are deleted by id in the collection that the
// permit is for, some at a time; what an agent writes into one between its
// comparison and its deletion is lost with it.
func (s *Server) Remove(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], permit guard.Permit, opts store.RemoveOptions) (store.Removal, error) {
	defer s.client.close()
	var removal store.Removal
	m, found, err := s.openFor(ctx, spec, opts.Report)
	if err != nil {
		return removal, err
	}
	if err := permit.Covers(opts.Operation, s.locatorOf(spec.Name, found)); err != nil {
		return removal, m.explain("remove from", err, nil)
	}
	if err := m.atRest(ctx); err != nil {
		return removal, m.explain("remove from", err, nil)
	}
	r := &remover{prover: m.newProver(), removal: &removal, doomed: m.newEraser()}
	r.ruler = r
	if err := r.removeAll(ctx, found, records); err != nil {
		return removal, m.explain("remove from", err, nil)
	}
	return removal, nil
}

// locatorOf names the collection that stands for a section, or its place.
func (s *Server) locatorOf(section memory.Section, found *collection) memory.Locator {
	return s.locator(s.config.Collections[section], or(found, &collection{}).ID)
}

// remover is one Remove.
type remover struct {
	*prover
	removal *store.Removal
	doomed  eraser
}

func (r *remover) removeAll(ctx context.Context, found *collection, records iter.Seq2[memory.Record, error]) error {
	if found != nil {
		if _, err := r.listLive(ctx); err != nil {
			return err
		}
	}
	if err := r.enroll(ctx, records); err != nil {
		return err
	}
	err := r.each(ctx, records, r.one)
	if err == nil {
		err = r.erase(ctx)
	}
	if err != nil || found == nil {
		return err
	}
	r.removal.Rows, err = r.client.count(ctx, r.id)
	return err
}

func (r *remover) one(ctx context.Context, rec memory.Record) error {
	i, err := r.number(rec)
	if err != nil {
		return err
	}
	switch m := r.set.marks[i]; {
	case m&live == 0:
		return r.removed(i)
	case m&refused != 0:
		return r.lacks(i, r.reasons[i])
	}
	if r.doomed.full() {
		if err := r.erase(ctx); err != nil {
			return err
		}
	}
	return r.ask(ctx, i, rec)
}

// judge dooms a row that is what it was.
func (r *remover) judge(i uint32, v verdict) error {
	if v != same {
		return r.lacks(i, string(v))
	}
	r.doomed.add(r.set.at(int(i)))
	return nil
}

func (r *remover) erase(ctx context.Context) error {
	n, err := r.doomed.erase(ctx)
	r.removal.Removed += n
	return err
}

func (r *remover) lacks(i uint32, reason string) error {
	r.removal.Kept++
	return r.tell(store.Event{Outcome: store.Differs, ID: r.name(i), Reason: reason})
}

func (r *remover) removed(i uint32) error {
	r.removal.Gone++
	return r.tell(store.Event{Outcome: store.Removed, ID: r.name(i)})
}
