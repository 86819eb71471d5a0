package chroma

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// Drop deletes a collection that a finished swap kept aside; permit is for
// guard.Prune on its locator. One that holds more than the live one is
// ErrHoldsMore, one that is gone store.ErrAbsent. Its rows go first: a server
// would give arrays in their metadata to rows that come later. A server deletes
// collections by name only, so the id is looked at again just before.
func (s *Server) Drop(ctx context.Context, aside memory.Locator, permit guard.Permit) error {
	defer s.client.close()
	l := leave{permit, guard.Prune, aside}
	if err := s.drop(ctx, l); err != nil {
		return fmt.Errorf("drop %s: %w", aside, err)
	}
	return nil
}

func (s *Server) drop(ctx context.Context, l leave) error {
	if err := l.check(); err != nil {
		return err
	}
	all, n, err := s.aside(ctx, l.locator)
	if err != nil {
		return err
	}
	if n.j.Phase != phaseDropping {
		if more, err := s.holdsMore(ctx, all, n); err != nil || more {
			return orMore(err)
		}
	}
	if err := s.empty(ctx, l, n); err != nil {
		return err
	}
	found, err := s.client.find(ctx, l.locator.Collection)
	if err != nil || found == nil {
		return err
	}
	if found.ID != l.locator.CollectionID {
		return fmt.Errorf("another collection has its name by now, with id %s", found.ID)
	}
	return s.client.drop(ctx, l)
}

func orMore(err error) error {
	if err == nil {
		err = &hinted{ErrHoldsMore, restartHint}
	}
	return err
}

// empty deletes all rows. It says so in the collection first: what is left of it
// is no old section any more.
func (s *Server) empty(ctx context.Context, l leave, n noted) error {
	if err := l.check(); err != nil {
		return err
	}
	n.j.Phase = phaseDropping
	metadata, err := notes{n.note(guard.MarkKey), n.j.text()}.with(n.Metadata)
	if err != nil {
		return err
	}
	if err := s.client.annotate(ctx, n.ID, metadata); err != nil {
		return err
	}
	return s.client.deleteAll(ctx, n.ID, s.config.PageRows)
}

// deleteAll deletes the rows of a collection that nobody lives in, so many at once.
func (c *client) deleteAll(ctx context.Context, id string, atOnce int) error {
	ids, _, err := c.later(ctx, id, &extent{})
	if err == nil {
		_, err = c.deleteRows(ctx, id, ids, ids.Numbers(0, 0), atOnce, c.silence)
	}
	return err
}

// drop deletes the collection of that name.
func (c *client) drop(ctx context.Context, l leave) error {
	if err := l.check(); err != nil {
		return err
	}
	r := request{
		what: "delete collection", method: http.MethodDelete,
		path: c.scope + "/collections/" + url.PathEscape(l.locator.Collection),
	}
	err := c.call(ctx, r, nil, nil)
	if status(err) == http.StatusNotFound {
		return nil // a try whose answer was lost did it
	}
	return err
}
