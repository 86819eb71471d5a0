package chromadir

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/swapmark"
)

// find looks the collections of the sections up; none asks for all there are. A swap
// that has not ended is in the way of its section: what has the name may be neither
// the old nor the new one.
func (s *Session) find(ctx context.Context, sections []memory.Section) error {
	all, err := s.copy.db.collections(ctx, s.config.Tenant, s.config.Database)
	if err != nil {
		return err
	}
	for _, c := range all {
		if err := s.copy.db.complete(ctx, c); err != nil {
			return err
		}
	}
	if err := s.unread(ctx, all); err != nil {
		return err
	}
	names := s.names(all)
	s.called = names
	if len(sections) == 0 {
		sections = slices.Collect(maps.Keys(names))
	}
	for _, section := range slices.Compact(slices.Sorted(slices.Values(sections))) {
		if err := s.take(section, names[section], all); err != nil {
			s.refuse(section, err)
		}
	}
	return nil
}

// names maps sections to collections: those that are named, and under Others those
// that are to be taken.
func (s *Session) names(all []*collection) map[memory.Section]string {
	names := map[memory.Section]string{}
	named := map[string]bool{}
	for section, name := range s.config.Collections {
		names[section], named[name] = name, true
	}
	if s.config.Others == "" {
		return names
	}
	for _, c := range all {
		if named[c.name] || s.config.Takes != nil && !s.config.Takes(c.name) {
			continue
		}
		if why := c.foreign(slices.Contains(s.config.Literal, c.name)); why != "" {
			s.leftOut(memory.Section(s.config.Others), c.name, why)
			continue
		}
		names[store.SectionOf(s.config.Others, c.name)] = c.name
	}
	return names
}

// take makes a part of a section's collection, where there is one.
func (s *Session) take(section memory.Section, name string, all []*collection) error {
	if name == "" {
		return nil
	}
	for _, c := range all {
		if plan := swapmark.Unfinished(c.metadata.text(swapmark.Key), c.id, name); plan != "" {
			return fmt.Errorf("collection %q: %w: plan %s", name, store.ErrUnfinished, plan)
		}
	}
	i := slices.IndexFunc(all, func(c *collection) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	if why := all[i].foreign(true); why != "" {
		return fmt.Errorf("collection %q is no memory: %s", name, why)
	}
	s.parts[section] = &part{collection: all[i]}
	return nil
}

func (s *Session) leftOut(section memory.Section, name, why string) {
	s.findings = append(s.findings, memory.Finding{
		Level: memory.Note, Code: "collection-left-out", Section: section, File: s.path,
		Message: fmt.Sprintf("collection %q is not read: %s", name, why),
	})
}
