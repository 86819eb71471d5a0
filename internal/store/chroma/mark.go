package chroma

import (
	"context"
	"fmt"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/swapmark"
)

// Look returns what the guard asks of a collection: whether it stands under the
// locator's name, its id, and its mark. It implements guard.Witness.
func (s *Server) Look(ctx context.Context, l memory.Locator) (guard.Sighting, error) {
	defer s.client.close()
	if ours := s.locator(l.Collection, l.CollectionID); l != ours {
		return guard.Sighting{}, fmt.Errorf("look at %s: it is not of %s", l, s.config.BaseURL)
	}
	if _, err := s.reach(ctx); err != nil {
		return guard.Sighting{}, err
	}
	found, err := s.client.find(ctx, l.Collection)
	if err != nil || found == nil {
		return guard.Sighting{}, err
	}
	return guard.Sighting{Exists: true, CollectionID: found.ID, Mark: found.note(guard.MarkKey)}, nil
}

// note returns a text that keepsake wrote into the metadata, "" when there is none.
func (c *collection) note(key string) string { return store.Note(c.Metadata, key) }

// withoutNotes is metadata as a bundle keeps it.
func withoutNotes(metadata memory.RawJSON) memory.RawJSON {
	return store.WithoutNotes(metadata, guard.MarkKey, swapmark.Key)
}

var _ guard.Witness = (*Server)(nil)
