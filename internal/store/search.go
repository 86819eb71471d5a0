package store

import (
	"context"

	"keepsake/internal/memory"
)

// Searcher is a Target whose vectors can be searched.
type Searcher interface {
	// Search returns for each vector the ids of the k rows that are nearest to
	// it by the distance of the section, the nearest first; fewer where there are
	// fewer. Whether the answer is exact is the store's affair. ErrAbsent when the
	// section does not exist; a vector of another length is an error.
	Search(ctx context.Context, section memory.Section, vectors [][]float32, k int) ([][]string, error)
}
