package keeper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keepsake/internal/bundle"
	"keepsake/internal/config"
	"keepsake/internal/drill"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
)

// scratch are the collections of a drill on a Chroma server: made for it, marked
// as disposable, and dropped afterwards.
type scratch struct {
	m      *Memory
	server *chroma.Server
	names  map[memory.Section]string
	specs  []memory.SectionSpec
	made   []memory.Section // or begun to be made
}

// scratchAt names a collection for each section of vectors in the database that
// to names.
func (m *Memory) scratchAt(b *bundle.Bundle, to string) (*scratch, error) {
	s, err := m.kinds().Parse(to)
	switch {
	case err != nil:
		return nil, fail(Usage, "drill-to", err)
	case !m.kinds().Of(s.Kind).Server || s.Collection != "":
		return nil, fail(Usage, "to", errors.New("a drill goes into a database of a Chroma (chroma:http://host:port/tenant/database)"), s.String())
	case slices.ContainsFunc(m.cfg.Declared, func(d config.Declared) bool { return s.Same(d.Store.V) }):
		return nil, fail(Usage, "drill-home", errors.New("it is where the memory itself lives: a drill goes into a scratch database"), s.String())
	}
	d := m.like(s, func(known store.Ref) bool { return known.Address() == s.Address() })
	random := strings.ToLower(rand.Text()[:8])
	out := &scratch{m: m, names: map[memory.Section]string{}, specs: vectorSpecs(b)}
	for _, spec := range out.specs {
		out.names[spec.Name] = "drill-" + random + "-" + strings.ReplaceAll(string(spec.Name), "/", "-")
	}
	o := m.opening(&d)
	o.Collections = out.names
	if out.server, err = chroma.Open(o); err != nil {
		err = usage(err)
	}
	return out, err
}

func (s *scratch) make(ctx context.Context) error {
	for _, spec := range s.specs {
		err := s.server.MakeScratch(ctx, spec)
		if !errors.Is(err, store.ErrUnreachable) {
			s.made = append(s.made, spec.Name)
		}
		if err != nil {
			return s.m.explain(err)
		}
	}
	return nil
}

func (s *scratch) target() drill.Target {
	return drill.Target{Sections: selectors(s.names), Store: s.server}
}

// drop takes every collection away that is there. Each asks the guard, which
// allows what bears a disposable mark of its own.
func (s *scratch) drop(ctx context.Context) error {
	var all error
	for _, section := range s.made {
		if err := s.dropOne(ctx, section); err != nil {
			all = errors.Join(all, fail("", "scratch-left", fmt.Errorf("take away what the drill made: %w", err), s.names[section]))
		}
	}
	return all
}

func (s *scratch) dropOne(ctx context.Context, section memory.Section) error {
	live, err := s.server.Survey(ctx, section)
	if err != nil || !live.Exists {
		return err
	}
	permit, err := s.m.mayPrune(ctx, guard.Request{Subsystem: section.Subsystem(), Target: live.Target, Reason: "made for a drill"})
	if err != nil {
		return err
	}
	return s.server.DropScratch(ctx, live.Locator, permit)
}
