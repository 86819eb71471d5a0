package store

import (
	"context"

	"keepsake/internal/memory"
)

// Lazily returns a store that is made when it is opened.
func Lazily(open func() (Store, error)) Store { return lazy(open) }

type lazy func() (Store, error)

// Open implements Store.
func (l lazy) Open(ctx context.Context, sections []memory.Section) (Session, error) {
	s, err := l()
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, sections)
}
