package chroma

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
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

// note returns a text that keepsake wrote into the metadata, "" when there is
// none.
func (c *collection) note(key string) string {
	var members map[string]memory.RawJSON
	var text string
	// What can't be decoded was not written by us.
	_ = json.Unmarshal(c.Metadata, &members)
	_ = json.Unmarshal(members[key], &text)
	return text
}

// withoutNotes takes what keepsake wrote for itself out of a collection's
// metadata: it is no memory, so it neither leaves with a backup nor arrives with
// a restore. Metadata without it is not touched, to the byte.
func withoutNotes(metadata memory.RawJSON) memory.RawJSON {
	var members map[string]memory.RawJSON
	if json.Unmarshal(metadata, &members) != nil {
		return metadata
	}
	before := len(members)
	delete(members, guard.MarkKey)
	delete(members, swapmark.Key)
	switch len(members) {
	case before:
		return metadata
	case 0:
		return nil // what it was before: a server keeps no empty metadata
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(members) != nil {
		return nil // the members came from JSON, so this can't be
	}
	return bytes.TrimSpace(b.Bytes())
}

var _ guard.Witness = (*Server)(nil)
