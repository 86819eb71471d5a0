package bundle

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"keepsake/internal/atomicfile"
	"keepsake/internal/memory"
)

// A memory is private: only its owner gets into a bundle. Files are read-only
// from the start; the handle that makes one may still write it.
const (
	dirPerm   fs.FileMode = 0o700
	filePerm  fs.FileMode = 0o444
	randomLen             = 8
)

// FS is the file system that a bundle is written to.
type FS = atomicfile.FS

// Options say where and how a bundle is written.
type Options struct {
	Root string // the backup root; made when it is absent
	// Name is the directory's name where the bundle is no backup of a backup root:
	// "" is Prefix and the timestamp, and no other may begin with Prefix or a dot.
	Name string
	FS   FS        // nil is the real one
	Now  time.Time // gives the bundle its timestamp
	// Compress writes payloads with zstd. One that zstd would shrink further
	// than a reader follows is written plain all the same.
	Compress bool
	Tool     string // "keepsake 1.2.3"
	Owner    Owner
}

// Writer assembles one bundle beside its goal. It is used by one goroutine.
type Writer struct {
	opts      Options
	fsys      atomicfile.FS
	timestamp string
	dir       string // the partial; "" once it was published
	lock      *flock.Flock
	sections  []*Section
	apart     apart // of their files
}

// Create starts a bundle: a partial directory in the backup root, with its owner
// file under a lock, and the six folders. ErrExists when the backup root has a
// bundle of that timestamp.
func Create(ctx context.Context, opts Options) (*Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if opts.Now.IsZero() {
		return nil, errors.New("create bundle: no time given")
	}
	root, err := filepath.Abs(opts.Root)
	if err != nil {
		return nil, fmt.Errorf("create bundle: %w", err)
	}
	if err := checkName(opts.Name); err != nil {
		return nil, fmt.Errorf("create bundle: %w", err)
	}
	opts.Root = root
	w := &Writer{opts: opts, fsys: orSystem(opts.FS), timestamp: FormatTimestamp(opts.Now)}
	if err := w.create(); err != nil {
		return nil, errors.Join(fmt.Errorf("create bundle in %s: %w", opts.Root, err), w.Abort())
	}
	return w, nil
}

func (w *Writer) create() error {
	if err := atomicfile.MkdirAll(w.fsys, w.opts.Root, dirPerm); err != nil {
		return err
	}
	if _, err := os.Lstat(w.goal()); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, w.Name())
	}
	dir := filepath.Join(w.opts.Root, PartialPrefix+w.timestamp+"-"+rand.Text()[:randomLen])
	if err := w.fsys.Mkdir(dir, dirPerm); err != nil {
		return err
	}
	w.dir = dir
	lock, err := own(w.fsys, dir, ownerRecord{w.opts.Owner, w.opts.Tool, w.opts.Now.UTC()})
	if err != nil {
		return err
	}
	w.lock = lock
	for _, name := range folders() {
		if err := w.fsys.Mkdir(filepath.Join(dir, name), dirPerm); err != nil {
			return err
		}
	}
	return nil
}

// Timestamp returns the bundle's timestamp.
func (w *Writer) Timestamp() string { return w.timestamp }

// Name returns the name that the bundle will have.
func (w *Writer) Name() string { return cmp.Or(w.opts.Name, Prefix+w.timestamp) }

// checkName refuses the name of a bundle's directory that would be taken for
// something else, or lead elsewhere.
func checkName(name string) error {
	switch {
	case name == "":
		return nil
	case strings.HasPrefix(name, Prefix), strings.HasPrefix(name, "."), strings.ContainsAny(name, `/\`), !filepath.IsLocal(name):
		return fmt.Errorf("%q is no name for a bundle", name)
	}
	return nil
}

// Dir returns the directory in which the bundle is assembled, "" once it is
// published or aborted.
func (w *Writer) Dir() string { return w.dir }

func (w *Writer) goal() string { return filepath.Join(w.opts.Root, w.Name()) }

// Abort removes what was assembled. It is harmless after Publish, and twice.
// What it can't remove is a partial with a dead owner, for RemoveDeadPartials.
func (w *Writer) Abort() error {
	err := w.unlock()
	if w.dir == "" {
		return err
	}
	if e := w.fsys.RemoveAll(w.dir); e != nil {
		return errors.Join(err, fmt.Errorf("remove partial bundle: %w", e))
	}
	w.dir = ""
	return err
}

func (w *Writer) unlock() error {
	if w.lock == nil {
		return nil
	}
	lock := w.lock
	w.lock = nil
	return lock.Close()
}

// WriteError says which row was refused: a reader of the bundle would refuse it.
type WriteError struct {
	Section memory.Section
	Row     int64 // from 1
	Err     error
}

// Error returns "row 12 of mc/memory: …".
func (e *WriteError) Error() string {
	return fmt.Sprintf("row %d of %s: %v", e.Row, e.Section, e.Err)
}

// Unwrap returns the ground.
func (e *WriteError) Unwrap() error { return e.Err }
