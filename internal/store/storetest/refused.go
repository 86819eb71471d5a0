package storetest

import (
	"errors"
	"testing"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// oneRefused holds a store to what it promises of a section that can't be read: the
// others are read, and it is neither absent nor empty.
func (s *suite) oneRefused(t *testing.T) {
	st, good, bad := s.OneRefused(t)
	session, err := st.Open(t.Context(), []memory.Section{good, bad})
	if err != nil {
		t.Fatalf("open: %v; one that can't be read is no reason", err)
	}
	t.Cleanup(func() { closeSession(t, session) })
	specs, err := session.Sections(t.Context())
	if err != nil {
		t.Fatalf("sections: %v", err)
	}
	seen := map[memory.Section]memory.SectionSpec{}
	for _, spec := range specs {
		seen[spec.Name] = spec
	}
	refused, listed := seen[bad]
	if !listed || refused.Rows != -1 || refused.Kind != s.kind {
		t.Errorf("got %+v of %s, want it listed, of its kind, with -1 rows", refused, bad)
	}
	known := store.Refused(t.Context(), session, refused)
	if known == nil || errors.Is(known, store.ErrAbsent) || !errors.Is(known, store.ErrUnreadable) {
		t.Errorf("got %v for %s, want ErrUnreadable", known, bad)
	}
	if lister, ok := session.(store.Lister); ok {
		for _, err := range lister.IDs(t.Context(), bad) {
			if err == nil || errors.Is(err, store.ErrAbsent) {
				t.Errorf("got ids of %s, %v, want an error", bad, err)
			}
			break
		}
	}
	if err := store.Refused(t.Context(), session, seen[good]); err != nil {
		t.Errorf("got %v for %s, want it as if the other were not there", err, good)
	}
	reading, err := session.Read(t.Context(), good)
	if err != nil {
		t.Fatalf("read %s: %v", good, err)
	}
	if got := s.collect(t, reading); len(got) == 0 {
		t.Errorf("got no records of %s", good)
	}
}
