package bundle

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"keepsake/internal/memory"
)

// Overlap counts the ids of the same section in another bundle, and those of
// them that were written now. It goes by the hashes that Write keeps, 8 bytes a
// row, until the next section is written: two different ids meet once in many
// millions of rows, which no share of them shows. A section without ids has none
// in common; an opaque one is not even read.
func (s *Section) Overlap(ctx context.Context, b *Bundle) (shared, all int64, err error) {
	if s.Spec.Kind == memory.Opaque {
		return 0, 0, nil
	}
	if s.ids == nil {
		return 0, 0, errors.New("compare ids: they were let go when the next section was written")
	}
	s.ids.sort()
	c := newChecker(s.Spec.Name, s.Spec.Kind, 0, true)
	for line, err := range b.Records(ctx, s.Spec.Name) {
		if err != nil {
			return 0, 0, fmt.Errorf("compare ids with %s: %w", b.Name(), err)
		}
		id, in, ok := c.id(line)
		if !ok {
			continue
		}
		all++
		if s.ids.has(in, id) {
			shared++
		}
	}
	return shared, all, nil
}

// has reports whether an id is in the set, which is sorted.
func (s *idSet) has(space byte, id []byte) bool {
	h := s.hash(space, id)
	i := sort.Search(s.list.n, func(i int) bool { return *s.list.at(i) >= h })
	return i < s.list.n && *s.list.at(i) == h
}
