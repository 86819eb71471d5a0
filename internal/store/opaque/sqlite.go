package opaque

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"keepsake/internal/store/sqlitefile"
)

// busy is how long another process may hold a lock that is wanted.
const busy = 5 * time.Second

// untrusted lets the schema of a database call nothing but what is harmless.
const untrusted = "trusted_schema(0)"

// openLive opens a database of others.
func openLive(ctx context.Context, path string) (*sqlitefile.Live, error) {
	if err := checkHeader(path); err != nil {
		return nil, err
	}
	return sqlitefile.OpenLive(ctx, path, busy, untrusted)
}

// checkHeader refuses what SQLite would take for a database and is none, and
// what is encrypted.
func checkHeader(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.Size() > 0 && !sqlitefile.IsDatabase(file) {
		return unreadable(path, errors.New("it is no SQLite database, or an encrypted one"))
	}
	return err
}

// inspectCopy checks a database that nobody else has open, and counts its rows.
func inspectCopy(ctx context.Context, path string) (rows int64, err error) {
	if err := checkHeader(path); err != nil {
		return 0, err
	}
	c, err := sqlitefile.Open(ctx, path, sqlitefile.Copy, busy, untrusted)
	if err == nil {
		err = check(ctx, c, path)
	}
	if err == nil {
		rows, err = count(ctx, c)
	}
	return rows, errors.Join(explain(path, err), c.Close())
}

// check is a full integrity check.
func check(ctx context.Context, c *sqlitefile.Conn, path string) error {
	said, err := sqlitefile.All[string](ctx, c, "PRAGMA integrity_check(5)")
	if err != nil {
		return err
	}
	for i, line := range said {
		said[i] = strings.TrimSpace(line)
	}
	if text := strings.Join(said, "; "); text != "ok" {
		return unreadable(path, fmt.Errorf("the database is damaged: %s", text))
	}
	return nil
}

// count sums up the rows of all tables. Virtual ones are left out: what they hold
// is in their shadow tables, which are counted, for only with the module of the
// virtual one, which we may not have, could they be told from others.
func count(ctx context.Context, c *sqlitefile.Conn) (total int64, err error) {
	names, err := sqlitefile.All[string](ctx, c, `SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		var n int64
		if err := c.QueryRowContext(ctx, "SELECT count(*) FROM main."+sqlitefile.Quote(name)).Scan(&n); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// explain says of what SQLite reports in which way reading a database failed; what
// is not SQLite's stays as it is.
func explain(path string, err error) error {
	if sqlitefile.Code(err) == 0 {
		return err
	}
	return unreadable(path, err)
}
