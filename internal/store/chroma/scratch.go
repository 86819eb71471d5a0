package chroma

import (
	"context"
	"errors"
	"fmt"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// MakeScratch makes an empty collection for a section, as Merge would, that may
// be thrown away: it bears a disposable mark with its own id. A collection of that
// name is an error, whatever it holds. DropScratch takes it away again.
func (s *Server) MakeScratch(ctx context.Context, spec memory.SectionSpec) error {
	defer s.client.close()
	name, _, err := s.reachFor(ctx, spec.Name)
	if err != nil {
		return err
	}
	if err := s.makeScratch(ctx, name, spec); err != nil {
		return s.failed("make a scratch collection for", spec.Name, err, nil)
	}
	return nil
}

func (s *Server) makeScratch(ctx context.Context, name string, spec memory.SectionSpec) error {
	found, err := s.client.find(ctx, name)
	if err == nil && found != nil {
		err = fmt.Errorf("collection %s is there already", name)
	}
	if err == nil {
		found, err = s.client.make(ctx, name, spec, notes{})
	}
	if err != nil {
		return err
	}
	rows, err := s.client.count(ctx, found.ID)
	if err == nil && rows > 0 {
		err = fmt.Errorf("collection %s has %d rows already", name, rows)
	}
	if err != nil {
		return err
	}
	mark := guard.Mark{Kind: guard.MarkDisposable, ID: found.ID}
	metadata, err := notes{mark: mark.Encode()}.with(found.Metadata)
	if err != nil {
		return err
	}
	return s.client.annotate(ctx, found.ID, metadata)
}

// DropScratch deletes a collection that MakeScratch made; permit is for
// guard.Prune on its locator, and of class Disposable. One that is gone is no
// error. As in Drop, the rows go first.
func (s *Server) DropScratch(ctx context.Context, scratch memory.Locator, permit guard.Permit) error {
	defer s.client.close()
	if err := s.dropScratch(ctx, leave{permit, guard.Prune, scratch}); err != nil {
		return fmt.Errorf("drop %s: %w", scratch, err)
	}
	return nil
}

func (s *Server) dropScratch(ctx context.Context, l leave) error {
	if err := l.check(); err != nil {
		return err
	}
	if l.permit.Class() != guard.Disposable {
		return fmt.Errorf("%w: it is for a target of class %s", guard.ErrNotPermitted, l.permit.Class())
	}
	found, err := s.scratch(ctx, l.locator)
	if err != nil || found == nil {
		return err
	}
	if err := s.client.deleteAll(ctx, found.ID, s.config.PageRows); err != nil {
		return err
	}
	if found, err = s.scratch(ctx, l.locator); err != nil || found == nil {
		return err
	}
	return s.client.drop(ctx, l)
}

// scratch looks the collection up by its name, and makes sure that it is the one
// that may go; nil when it is gone.
func (s *Server) scratch(ctx context.Context, l memory.Locator) (*collection, error) {
	if ours := s.locator(l.Collection, l.CollectionID); l != ours {
		return nil, fmt.Errorf("it is not of %s", s.config.BaseURL)
	}
	found, err := s.client.find(ctx, l.Collection)
	switch {
	case err != nil || found == nil:
		return nil, err
	case found.ID != l.CollectionID:
		return nil, fmt.Errorf("another collection has its name by now, with id %s", found.ID)
	case found.mark().Kind != guard.MarkDisposable:
		return nil, errors.New("it bears no disposable mark of its own")
	}
	return found, nil
}
