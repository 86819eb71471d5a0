package graph

import (
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// explain says in which way an operation on a database failed. What SQLite gives
// no ground for gets the sentinel ground.
func explain(verb, path string, ground, err error) error {
	if sqlitefile.Code(err) == sqlite3.SQLITE_CORRUPT {
		ground = store.ErrUnreadable
	}
	return fmt.Errorf("%s graph %s: %w", verb, path, sqlitefile.Explain("the database", err, ground))
}
