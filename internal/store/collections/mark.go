package collections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// withoutMark takes out of metadata the mark by which the guard knows a collection
// of our own making.
func withoutMark(metadata memory.RawJSON) memory.RawJSON {
	return store.WithoutNotes(metadata, guard.MarkKey)
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
	return guard.Sighting{Exists: err == nil, CollectionID: e.collection.ID, Mark: store.Note(e.collection.Metadata, guard.MarkKey)}, err
}

var _ guard.Witness = (*Store)(nil)
