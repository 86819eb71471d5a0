package chroma

import (
	"context"
	"errors"
	"iter"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// stageInPlace is not there yet.
func (s *Server) stageInPlace(context.Context, memory.SectionSpec, iter.Seq2[memory.Record, error], store.StageOptions) (store.Staged, error) {
	return nil, errors.New("a collection cannot be changed in place yet")
}
