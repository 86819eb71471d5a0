package collections

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"keepsake/internal/store"
	"keepsake/internal/store/sqlitefile"
)

// What marks a file as ours; DESIGN.md. The header's offsets are SQLite's
// (sqlite.org/fileformat2.html, section 1.3).
const (
	applicationID = 0x6b70736d // "kpsm"
	formatVersion = 1

	headerSize      = 100
	offsetVersion   = 60
	offsetAppID     = 68
	schemaStatement = `
CREATE TABLE collections (
	number        INTEGER PRIMARY KEY,
	id            TEXT NOT NULL UNIQUE CHECK (id <> ''),
	name          TEXT NOT NULL UNIQUE CHECK (name <> ''),
	metadata      TEXT,
	schema        TEXT,
	configuration TEXT,
	distance      TEXT NOT NULL CHECK (distance IN ('', 'l2', 'cosine', 'ip')),
	dimension     INTEGER NOT NULL CHECK (dimension >= 0)
) STRICT;
CREATE TABLE records (
	number     INTEGER PRIMARY KEY,
	collection INTEGER NOT NULL REFERENCES collections (number),
	id         TEXT NOT NULL CHECK (id <> ''),
	embedding  BLOB NOT NULL,
	metadata   TEXT,
	document   TEXT,
	UNIQUE (collection, id)
) STRICT;`
)

// access is what a connection may do.
type access int

const (
	reading access = iota
	writing
)

// file is an open collections file: one connection, known to be ours.
type file struct {
	db   *sqlitefile.Conn
	conn *sql.Conn // the same one
}

// openFile opens the file at path. fs.ErrNotExist when there is none, which is
// the only error that means "absent"; ErrUnreachable for everything else.
func openFile(ctx context.Context, path string, can access, busy time.Duration) (*file, error) {
	path, err := checkOurs(ctx, path, busy)
	if err != nil {
		return nil, err
	}
	f, err := connect(ctx, path, sqlitefile.ReadWrite, can, busy)
	if err != nil {
		return nil, unreachable(ctx, path, err)
	}
	return f, nil
}

// checkOurs resolves path and refuses what isn't a collections file before
// SQLite is allowed to open it for writing: opening and closing a stranger's
// database would checkpoint it, or leave files beside it.
func checkOurs(ctx context.Context, path string, busy time.Duration) (resolved string, err error) {
	resolved, info, err := store.Locate(path)
	switch {
	case err != nil:
		return "", unreachable(ctx, path, err)
	case info == nil:
		return "", fmt.Errorf("open collections file %s: %w", path, fs.ErrNotExist)
	case !info.Mode().IsRegular():
		return "", unreachable(ctx, path, errors.New("it is not a regular file"))
	}
	if err := checkIdentity(ctx, resolved, busy); err != nil {
		return "", unreachable(ctx, path, err)
	}
	return resolved, nil
}

// checkIdentity looks at the header by itself while nobody has the file open.
// Where somebody has, closing a descriptor of our own would drop this process's
// POSIX locks on it, so there SQLite looks: read-only, it adds no file then.
func checkIdentity(ctx context.Context, path string, busy time.Duration) error {
	if _, err := os.Stat(path + "-shm"); err != nil {
		return checkHeader(path)
	}
	f, err := connect(ctx, path, sqlitefile.ReadOnly, reading, busy)
	if err != nil {
		return err
	}
	return f.close()
}

func checkHeader(path string) error {
	// For writing, because SQLite will need that too: readers of a WAL file
	// take their place in a shared index beside it.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var header [headerSize]byte
	if _, err := io.ReadFull(f, header[:]); err != nil || !strings.HasPrefix(string(header[:]), sqlitefile.Magic) {
		return errors.New("it is not a SQLite file")
	}
	return checkMarks(binary.BigEndian.Uint32(header[offsetAppID:]), binary.BigEndian.Uint32(header[offsetVersion:]))
}

func checkMarks(application, version uint32) error {
	if application != applicationID {
		return fmt.Errorf("it is not a collections file of keepsake (application id %#x, not %#x)", application, uint32(applicationID))
	}
	if version != formatVersion {
		return fmt.Errorf("its format is %d, this keepsake knows %d", version, formatVersion)
	}
	return nil
}

// connect opens one connection and looks at the marks through it, which is also
// the first read: a damaged or locked file fails here.
func connect(ctx context.Context, path string, mode sqlitefile.Mode, can access, busy time.Duration) (*file, error) {
	db, err := open(ctx, path, mode, can, busy)
	if err != nil {
		return nil, err
	}
	f := &file{db, db.Conn}
	var application, version uint32
	err = f.conn.QueryRowContext(ctx, `SELECT application_id, user_version FROM pragma_application_id, pragma_user_version`).Scan(&application, &version)
	if err == nil {
		err = checkMarks(application, version)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// close lets go of the file. The last connection takes the files beside it away.
func (f *file) close() error { return f.db.Close() }

// exec runs one statement that has no arguments.
func (f *file) exec(ctx context.Context, statement string) error { return f.db.Exec(ctx, statement) }

// open never uses mode ReadOnly for a file that nobody else has open: such a
// connection makes the -wal and -shm files that it needs and can't remove them.
func open(ctx context.Context, path string, mode sqlitefile.Mode, can access, busy time.Duration) (*sqlitefile.Conn, error) {
	may := "synchronous(FULL)"
	if can == reading {
		may = "query_only(1)"
	}
	return sqlitefile.Open(ctx, path, mode, busy, "foreign_keys(1)", "trusted_schema(0)", may)
}
