package chromadir

import (
	"errors"
	"fmt"

	"keepsake/internal/store"
)

// openError says that a directory could not be opened, and, where it is damaged, what
// takes what is left of it.
type openError struct {
	path string
	err  error
}

// Error names the directory and the ground.
func (e *openError) Error() string { return fmt.Sprintf("open Chroma directory %s: %v", e.path, e.err) }

// Unwrap returns the ground.
func (e *openError) Unwrap() error { return e.err }

// Hint says what the operator can do, "" when that depends.
func (e *openError) Hint() string {
	if !errors.Is(e.err, store.ErrUnreadable) {
		return ""
	}
	return "keepsake rescue " + e.path + " makes a bundle of what it still holds"
}
