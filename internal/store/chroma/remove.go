package chroma

import (
	"context"
	"iter"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// Remove deletes those of records whose rows are still what they were, compared
// as the proof of a merge compares them. A record without a vector was never
// added, so its row stays. Rows are deleted by id in the collection that the
// permit is for, some at a time; what an agent writes into one between its
// comparison and its deletion is lost with it.
func (s *Server) Remove(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], permit guard.Permit, opts store.RemoveOptions) (store.Removal, error) {
	defer s.client.close()
	var removal store.Removal
	t, found, err := s.openFor(ctx, spec)
	if err != nil {
		return removal, err
	}
	err = permit.Covers(opts.Operation, s.locatorOf(spec.Name, found))
	if err == nil {
		err = s.atRest(ctx, spec.Name)
	}
	if err == nil {
		removal, err = rows.Remove(ctx, t, records, opts.Report)
	}
	if err == nil && found != nil {
		removal.Rows, err = s.client.count(ctx, t.id)
	}
	return removal, s.explain("remove from", spec.Name, err, nil)
}

// locatorOf names the collection that stands for a section, or its place.
func (s *Server) locatorOf(section memory.Section, found *collection) memory.Locator {
	return s.locator(s.config.Collections[section], or(found, &collection{}).ID)
}
