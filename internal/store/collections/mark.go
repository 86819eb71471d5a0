package collections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// withoutMark takes the mark by which the guard knows a collection of our own
// making out of its metadata: it is no memory, so it neither leaves with a
// backup nor arrives with a restore. Metadata without one is not touched, to
// the byte.
func withoutMark(metadata memory.RawJSON) memory.RawJSON {
	var members map[string]memory.RawJSON
	if json.Unmarshal(metadata, &members) != nil {
		return metadata
	}
	if _, marked := members[guard.MarkKey]; !marked {
		return metadata
	}
	delete(members, guard.MarkKey)
	rest, err := json.Marshal(members)
	if err != nil {
		return nil // the members came from JSON, so this can't be
	}
	return rest
}

// withMark adds a mark to metadata, an object or nil.
func withMark(metadata memory.RawJSON, mark guard.Mark) (memory.RawJSON, error) {
	members := map[string]memory.RawJSON{}
	if metadata != nil {
		if err := json.Unmarshal(metadata, &members); err != nil {
			return nil, fmt.Errorf("mark collection: %w", err)
		}
	}
	text, err := json.Marshal(mark.Encode())
	if err != nil {
		return nil, fmt.Errorf("mark collection: %w", err)
	}
	members[guard.MarkKey] = text
	return json.Marshal(members)
}

// markOf is the mark in metadata as the guard reads it, "" without one.
func markOf(metadata memory.RawJSON) (text string) {
	var members map[string]memory.RawJSON
	// What can't be decoded was not written by us.
	_ = json.Unmarshal(metadata, &members)
	_ = json.Unmarshal(members[guard.MarkKey], &text)
	return text
}

// Look implements guard.Witness: whether the collection stands under the
// locator's name, its id, and its mark. It makes no file.
func (s *Store) Look(ctx context.Context, l memory.Locator) (seen guard.Sighting, err error) {
	if ours := s.locator(l.Collection, l.CollectionID); l != ours {
		return seen, fmt.Errorf("look at %s: it is not in %s", l, s.config.Path)
	}
	f, err := openFile(ctx, s.config.Path, reading, s.config.BusyTimeout)
	if errors.Is(err, fs.ErrNotExist) {
		return seen, nil
	}
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	e, err := f.find(ctx, l.Collection)
	if errors.Is(err, store.ErrAbsent) {
		return seen, nil
	}
	return guard.Sighting{Exists: err == nil, CollectionID: e.collection.ID, Mark: markOf(e.collection.Metadata)}, err
}

var _ guard.Witness = (*Store)(nil)
