package drill

import (
	"context"
	"errors"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// enough is the recall below which a server's search is spoken of.
const enough = 0.9

// search asks the target for the rows nearest to each probe, and holds the answers
// against the bundle's own rows, measured one by one.
func (s *sectionDrill) search(ctx context.Context) error {
	if s.lacking > 0 {
		s.find(memory.Warning, CodeNoVector, "%d rows have no vector in the bundle", s.lacking)
	}
	searcher, ok := s.target.Store.(store.Searcher) // a server: what has no index of its own has nothing to show
	vectors := s.sampler.probes()
	if !ok || len(vectors) == 0 {
		return nil
	}
	answers, err := searcher.Search(ctx, s.spec.Name, vectors, int(min(nearest, s.out.Rows)))
	switch {
	case errors.Is(err, store.ErrUnreadable) && ctx.Err() == nil:
		s.find(memory.Refusal, CodeSearchEnd, "%v", err)
		return nil
	case err != nil:
		return err
	}
	j := newJudgement(s.spec.Distance, vectors, answers)
	if err := s.measure(ctx, j); err != nil {
		return err
	}
	s.conclude(j, len(vectors))
	return nil
}

func (s *sectionDrill) measure(ctx context.Context, j *judgement) error {
	row := 0
	for rec, err := range s.phase("search", s.opts.Bundle.Records(ctx, s.spec.Name)) {
		if err != nil {
			return err
		}
		row++
		v, err := s.scanner.Vector(rec)
		if err != nil {
			return fmt.Errorf("record %d: %w", row, err)
		}
		if v.Dimension >= 0 {
			j.see(v)
		}
	}
	return nil
}

func (s *sectionDrill) conclude(j *judgement, asked int) {
	hits, wanted, strangers := j.result()
	s.drill.hits, s.drill.wanted = s.drill.hits+hits, s.drill.wanted+wanted
	s.out.Probes, s.out.Recall = asked, share(hits, wanted)
	switch {
	case strangers > 0:
		s.find(memory.Refusal, CodeStranger, "%d answers of the search are no rows of the bundle", strangers)
	case *s.out.Recall < enough:
		s.find(memory.Warning, CodeRecall, "the server's search found %.1f %% of the nearest rows", 100**s.out.Recall)
	}
}
