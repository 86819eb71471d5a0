package chromadir

import (
	"errors"
	"fmt"

	"keepsake/internal/store"
)

// openError says that a directory could not be opened.
type openError struct {
	path string
	err  error
}

// Error names the directory and the ground.
func (e *openError) Error() string { return fmt.Sprintf("open Chroma directory %s: %v", e.path, e.err) }

// Unwrap returns the ground.
func (e *openError) Unwrap() error { return e.err }

// Damaged returns the path of a damaged directory, of which a rescue takes what is
// left; "" when it is something else that is wrong.
func (e *openError) Damaged() string {
	if !errors.Is(e.err, store.ErrUnreadable) {
		return ""
	}
	return e.path
}
