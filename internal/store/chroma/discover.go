package chroma

import (
	"fmt"
	"maps"

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
		if f, ok := found.leftover(); ok {
			f.Section = memory.Section(config.Others)
			s.findings = append(s.findings, f)
			continue
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

// leftover says why a collection that a pattern matched is never a source: it is
// what a swap or a drill made. By its name alone it may be somebody's memory all
// the same.
func (c *collection) leftover() (memory.Finding, bool) {
	f := memory.Finding{Level: memory.Note, Code: "collection-left-out"}
	switch m := c.mark(); m.Kind {
	case guard.MarkShadow, guard.MarkAside, guard.MarkDisposable:
		f.Message = fmt.Sprintf("collection %s is not backed up: keepsake made it or kept it aside (%s)", c.Name, m.Kind)
		return f, true
	}
	if pattern := store.Leftover(c.Name); pattern != "" {
		f.Level = memory.Warning
		f.Message = fmt.Sprintf("collection %s is not backed up: it is named as the leftovers of a swap are (%s)", c.Name, pattern)
		f.Hint = "if it is a memory, give it another name; else exclude it"
		return f, true
	}
	return f, false
}
