package chroma

import (
	"fmt"
	"maps"
	"slices"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// discover names the collections that nobody named: of each that is to be taken a
// section under Config.Others. What is left out is told of, unless it was not
// asked for.
func (s *session) discover(all roster) {
	config := s.server.config
	if config.Others == "" {
		return
	}
	names, taken := s.server.known()
	for _, found := range all {
		if !taken(found.Name) {
			continue
		}
		f, left := found.leftover()
		if f.Section = memory.Section(config.Others); f.Code != "" && !slices.Contains(config.Literal, found.Name) {
			s.findings = append(s.findings, f)
			if left {
				continue
			}
		}
		names[store.SectionOf(config.Others, found.Name)] = found.Name
	}
	s.server = s.server.named(names)
}

// known are the collections that are named, in a map of the caller's, and which of
// the others are to be taken.
func (s *Server) known() (names map[memory.Section]string, taken func(name string) bool) {
	names = map[memory.Section]string{}
	maps.Copy(names, s.config.Collections)
	named := map[string]bool{}
	for _, name := range names {
		named[name] = true
	}
	return names, func(name string) bool {
		return s.config.Others != "" && !named[name] && (s.config.Takes == nil || s.config.Takes(name))
	}
}

// named is the same server, of which those collections are known.
func (s *Server) named(names map[memory.Section]string) *Server {
	server := *s
	server.config.Collections = names
	return &server
}

// withSwapped is the same server, of which also the collections are known that swaps
// were about and that are to be taken.
func (s *Server) withSwapped(all roster) *Server {
	names, taken := s.known()
	for _, found := range all {
		if n, ok := found.noted(); ok && taken(n.j.Name) {
			names[store.SectionOf(s.config.Others, n.j.Name)] = n.j.Name
		}
	}
	return s.named(names)
}

// leftover says why a collection that a pattern matched is no source: its mark, or its
// journal, says that a swap or a drill of ours made it. One that is only named so is
// told of, and taken: it may be somebody's memory.
func (c *collection) leftover() (f memory.Finding, left bool) {
	kind := c.mark().Kind
	if n, ok := c.noted(); ok && n.j.ID == "" {
		kind = guard.MarkShadow // it was made a moment ago
	}
	switch kind {
	case guard.MarkShadow, guard.MarkAside, guard.MarkDisposable:
		return memory.Finding{
			Level: memory.Note, Code: "collection-left-out",
			Message: fmt.Sprintf("collection %s is not backed up: keepsake made it or kept it aside (%s)", c.Name, kind),
		}, true
	}
	if pattern := store.Leftover(c.Name); pattern != "" {
		return memory.Finding{
			Level: memory.Note, Code: "collection-like-leftover",
			Message: fmt.Sprintf("collection %s is named as what a swap of Neo.mjs leaves (%s), and is backed up: no mark says that it is that", c.Name, pattern),
			Hint:    "exclude it where it is no memory",
		}, false
	}
	return memory.Finding{}, false
}
