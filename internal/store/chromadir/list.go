package chromadir

import (
	"context"
	"fmt"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// IDs yields the ids of a section, in the order of its rows, to compare them with
// those that a server lists. An id is valid until the next.
func (s *Session) IDs(ctx context.Context, section memory.Section) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := s.refused[section]; err != nil {
			yield(nil, err)
			return
		}
		p := s.parts[section]
		if p == nil || s.copy.db == nil {
			yield(nil, fmt.Errorf("list ids of %s: %w", section, store.ErrAbsent))
			return
		}
		_, err := s.copy.db.eachRow(ctx, rowsQuery, p.collection, func(r *row) bool { return yield(r.id, nil) })
		if err != nil {
			yield(nil, fmt.Errorf("list ids of %s: %w", section, explain(err)))
		}
	}
}
