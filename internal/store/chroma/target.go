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

// Survey looks at the collection of a section.
func (s *Server) Survey(ctx context.Context, section memory.Section) (store.Survey, error) {
	defer s.client.close()
	name, _, err := s.reachFor(ctx, section)
	if err != nil {
		return store.Survey{}, err
	}
	survey, err := s.survey(ctx, name)
	if err != nil {
		return store.Survey{}, s.failed("survey", section, err, store.ErrUnreadable)
	}
	all, err := s.client.roster(ctx)
	if err != nil {
		return store.Survey{}, s.failed("survey", section, err, store.ErrUnreadable)
	}
	survey.Unfinished = all.unfinished(name)
	survey.Target = guard.NewTarget(ctx, guard.Served, survey.Locator, s)
	return survey, nil
}

func (s *Server) survey(ctx context.Context, name string) (store.Survey, error) {
	found, err := s.client.find(ctx, name)
	if err != nil || found == nil {
		return store.Survey{Locator: s.locator(name, "")}, err
	}
	rows, err := s.client.count(ctx, found.ID)
	return store.Survey{
		Locator:    s.locator(name, found.ID),
		Exists:     true,
		Rows:       rows,
		Dimension:  found.Dimension,
		Distance:   found.distance(),
		Collection: found.exported(),
	}, err
}

// reachFor finds out what the server can do, and the name of a section's collection.
func (s *Server) reachFor(ctx context.Context, section memory.Section) (name string, can abilities, err error) {
	if name, err = s.collectionOf(section); err == nil {
		can, err = s.reach(ctx)
	}
	return name, can, err
}

func (s *Server) collectionOf(section memory.Section) (string, error) {
	name := s.config.Collections[section]
	if name == "" {
		return "", fmt.Errorf("%s: no collection is configured for it at %s", section, s.config.BaseURL)
	}
	return name, nil
}

// Merge has rows.Merge add the rows that the collection lacks, and makes the
// collection when it is absent. Adding never changes a row that is there.
func (s *Server) Merge(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.MergeOptions) (store.Result, error) {
	defer s.client.close()
	result := store.Result{Proof: or(opts.Proof, store.ProofFull)}
	name, can, err := s.reachFor(ctx, spec.Name)
	if err != nil {
		return result, err
	}
	found, made, err := s.openOrMake(ctx, name, spec)
	result.Created = made
	if err == nil {
		err = rows.Merge(ctx, s.table(found, spec, can), records, opts, &result)
	}
	return result, s.explain("merge", spec.Name, err, nil)
}

// openOrMake looks the collection up, makes it when it is absent, and refuses one
// of another dimension or distance.
func (s *Server) openOrMake(ctx context.Context, name string, spec memory.SectionSpec) (found *collection, made bool, err error) {
	found, err = s.client.find(ctx, name)
	if err == nil && found == nil {
		made = true
		found, err = s.client.make(ctx, name, spec, notes{})
	}
	if err == nil {
		err = fits(found, spec)
	}
	return found, made, err
}

// make makes a collection and looks it up.
func (c *client) make(ctx context.Context, name string, spec memory.SectionSpec, n notes) (*collection, error) {
	if err := c.create(ctx, name, spec, n); err != nil {
		return nil, err
	}
	found, err := c.find(ctx, name)
	if err == nil && found == nil {
		err = fmt.Errorf("create collection %s: the server says it did, and has none", name)
	}
	return found, err
}

// fits refuses a collection of another dimension or distance than the records'.
func fits(found *collection, spec memory.SectionSpec) error {
	if found.Dimension > 0 && spec.Dimension > 0 && found.Dimension != spec.Dimension {
		return fmt.Errorf("its dimension is %d, the records' is %d", found.Dimension, spec.Dimension)
	}
	if is, want := found.distance(), spec.Distance; is != "" && want != "" && is != want {
		return fmt.Errorf("its distance is %s, the records' is %s", is, want)
	}
	return nil
}

var _ store.Target = (*Server)(nil)
