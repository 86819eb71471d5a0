package chroma

import (
	"context"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// Compare says what a replace of the section by records would do. Rows are
// compared as the proof of a merge compares them; one whose vector can't be read
// has changed. Rows that the records lack are got without their vectors: Bytes
// takes those to be as long as others.
func (s *Server) Compare(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.CompareOptions) (store.Difference, error) {
	defer s.client.close()
	t, _, err := s.openFor(ctx, spec)
	if err != nil {
		return store.Difference{}, err
	}
	t.measured = true
	difference, rest, err := rows.Compare(ctx, t, records, opts.Report)
	if err == nil {
		err = t.measure(ctx, rest, &difference)
	}
	return difference, s.explain("compare", spec.Name, err, store.ErrUnreadable)
}

// openFor looks the collection of a section up for more than adding to it; found
// is nil when it is absent.
func (s *Server) openFor(ctx context.Context, spec memory.SectionSpec) (*table, *collection, error) {
	name, can, err := s.reachFor(ctx, spec.Name)
	if err != nil {
		return nil, nil, err
	}
	found, err := s.client.find(ctx, name)
	if err != nil {
		return nil, nil, s.failed("look at", spec.Name, err, store.ErrUnreadable)
	}
	return s.table(found, spec, can), found, nil
}

// explain says which section an error belongs to, unless it is the caller's own;
// kind is as of failed.
func (s *Server) explain(verb string, section memory.Section, err, kind error) error {
	if err == nil {
		return nil
	}
	if theirs, err := rows.Theirs(err); theirs {
		return err
	}
	return s.failed(verb, section, err, kind)
}
