package collections

import (
	"context"
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// unreachable says why the file at path can't be used. An ended context stays
// what it is: the store isn't to blame.
func unreachable(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("open collections file %s: %w", path, sqlitefile.Explain("the file", err, store.ErrUnreachable))
}

// unreadable says why a section could not be read.
func unreadable(section memory.Section, err error) error {
	return fmt.Errorf("read %s: %w", section, sqlitefile.Explain("the file", err, store.ErrUnreadable))
}

// explain puts what SQLite reports into words that an operator can act on.
func explain(err error) error { return sqlitefile.Explain("the file", err, nil) }
