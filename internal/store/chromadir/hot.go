package chromadir

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keepsake/internal/store/sqlitefile"
)

// snapshot is a copy of the parts of a directory that are read, in a folder of
// our own, of one moment: every vector, document and metadata in it is of the
// same state.
//
// The database is copied under a read lock, which is what its server's writes
// wait for, and for no longer. The indexes are copied after it, and must be as
// they were before it. What a server was saving meanwhile would show. What it
// was saving already when the look began is harmless: until a save has ended,
// the queue holds all that it changes, and is replayed over it.
type snapshot struct {
	folder string
	db     *database
	held   time.Duration // how long the lock was
}

// errMoving says that the directory changed while it was copied.
var errMoving = errors.New("it changes faster than it can be copied")

// newSnapshot makes an empty snapshot.
func (c *Config) newSnapshot() (*snapshot, error) {
	if c.TempDir == "" {
		return nil, errors.New("no folder for temporary files is named")
	}
	folder, err := os.MkdirTemp(c.TempDir, "keepsake-chromadir-")
	return &snapshot{folder: folder}, err
}

// takeDatabase copies the database of the directory at path and opens the copy.
func (s *snapshot) takeDatabase(ctx context.Context, c *Config, path string) error {
	if err := s.copyDatabase(ctx, c, filepath.Join(path, databaseFile)); err != nil {
		return err
	}
	var err error
	s.db, err = openCopy(ctx, filepath.Join(s.folder, databaseFile))
	return err
}

// copyDatabase copies the database under its lock. Where a crash left a journal
// to be rolled back, SQLite gives no lock to one who may not write, nor does it
// for a file that it can't make sense of; nobody can have those open, so they are
// copied as they are, with what lies beside them.
func (s *snapshot) copyDatabase(ctx context.Context, c *Config, path string) error {
	goal := filepath.Join(s.folder, databaseFile)
	for _, beside := range []string{path + "-journal", path + "-wal"} { // SQLite would open them
		if info, err := os.Stat(beside); err == nil && !info.Mode().IsRegular() {
			return &fs.PathError{Op: "open", Path: beside, Err: errIrregular}
		}
	}
	alone, err := logged(path)
	if err != nil {
		return err
	}
	if !alone {
		err := s.copyLocked(ctx, c, path, goal)
		if err == nil || !damaged(err) {
			return err
		}
	}
	before := printOf(path, "", "-journal", "-wal")
	for _, suffix := range []string{"", "-journal", "-wal"} {
		if err := copyFile(goal+suffix, path+suffix, -1); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	if before != printOf(path, "", "-journal", "-wal") {
		return errMoving
	}
	return nil
}

// logged reports whether a database is in WAL mode, which no Chroma uses. To
// read one, SQLite would make files beside it.
func logged(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [20]byte // sqlite.org/fileformat2.html: byte 19 is the read version
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return false, nil //nolint:nilerr // SQLite says what is wrong with it
	}
	return head[19] == 2, nil
}

// copyLocked copies the file while a read transaction holds its lock.
func (s *snapshot) copyLocked(ctx context.Context, c *Config, path, goal string) error {
	// Opened before the lock is taken and closed after it is let go: closing any
	// descriptor of a file drops all locks that a process has on it.
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	// To hold the lock and for nothing else: nothing is written, not even to mend it
	// after a crash.
	live, err := sqlitefile.Open(ctx, path, sqlitefile.ReadOnly, c.BusyTimeout)
	if err != nil {
		return err
	}
	err = s.lockedCopy(ctx, c, live, file, goal)
	return errors.Join(err, live.Close())
}

func (s *snapshot) lockedCopy(ctx context.Context, c *Config, live *sqlitefile.Conn, file *os.File, goal string) error {
	out, err := os.OpenFile(goal, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := live.Exec(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := live.Touch(ctx); err != nil {
		return err
	}
	start := c.Now()
	before, err := file.Stat()
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, file); err != nil {
		return err
	}
	after, err := file.Stat()
	if err == nil {
		err = live.Exec(ctx, "COMMIT")
	}
	s.held = c.Now().Sub(start)
	if err == nil && (before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime())) {
		return errMoving // another look of this process took our lock away
	}
	return errors.Join(err, out.Close())
}

// close lets go of the copy and removes it.
func (s *snapshot) close() error {
	if s == nil || s.folder == "" {
		return nil
	}
	err := errors.Join(s.db.close(), os.RemoveAll(s.folder))
	s.folder, s.db = "", nil
	return err
}
