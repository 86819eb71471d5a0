package store

import (
	"context"
	"errors"
	"iter"
	"os"

	"keepsake/internal/memory"
)

// Foreseer is a Target that can go through a merge and change nothing.
type Foreseer interface {
	// Foresee says what Merge of the same records would say now, and ends with the
	// error that Merge would end with, as far as it can be known without writing: what
	// a server refuses only when it is asked to take it can't. Report is told of the
	// same rows; records are ranged over as by Merge. Nothing at the target changes,
	// and of what is made in the folder of temporary files nothing is left.
	Foresee(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts ForeseeOptions) (Result, error)
}

// ForeseeOptions are those of the merge that is foreseen.
type ForeseeOptions struct {
	MergeOptions

	// Temp makes, once, the folder for copies of what is merged into.
	Temp func() (string, error)
}

// Folder makes a folder of its own for one copy. The caller removes it.
func (o ForeseeOptions) Folder() (dir string, remove func() error, err error) {
	if o.Temp == nil {
		return "", nil, errors.New("no folder for temporary files is named")
	}
	temp, err := o.Temp()
	if err != nil {
		return "", nil, err
	}
	if dir, err = os.MkdirTemp(temp, "keepsake-foresee-"); err != nil {
		return "", nil, err
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
