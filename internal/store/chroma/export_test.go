package chroma

import (
	"context"

	"keepsake/internal/memory"
)

// HoldsMore says what Drop asks of what is kept aside.
func (s *Server) HoldsMore(ctx context.Context, aside memory.Locator) (bool, error) {
	defer s.client.close()
	all, n, err := s.aside(ctx, aside)
	if err != nil {
		return false, err
	}
	return s.holdsMore(ctx, all, n)
}
