package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keepsake/internal/atomicfile"
	"keepsake/internal/lock"
	"keepsake/internal/memory"
)

// A memory is private: only its owner gets into a bundle. Files are read-only
// from the start; the handle that makes one may still write it.
const (
	dirPerm  fs.FileMode = 0o700
	filePerm fs.FileMode = 0o444
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
	// Discard goes through all of it and writes nothing: records are read, judged,
	// counted and hashed, names are tried, and Publish says where the bundle would
	// be. Records that have an id twice are read a second time then.
	Discard bool
	Tool    string // "keepsake 1.2.3"
	Owner   lock.Owner
}

// Writer assembles one bundle beside its goal. It is used by one goroutine.
type Writer struct {
	opts      Options
	fsys      atomicfile.FS
	timestamp string
	partial   *Partial // its folder is "" once it was published; nil when all is discarded
	over      bool     // of one that discards: it was published or aborted
	sections  []*Section
	apart     apart // of their files
	indexes   apart // of their indexes
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
	w := &Writer{opts: opts, fsys: cmp.Or[FS](opts.FS, atomicfile.System{}), timestamp: FormatTimestamp(opts.Now)}
	if err := w.create(); err != nil {
		return nil, errors.Join(fmt.Errorf("create bundle in %s: %w", opts.Root, err), w.Abort())
	}
	return w, nil
}

func (w *Writer) create() error {
	if _, err := os.Lstat(w.goal()); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, w.Name())
	}
	if w.opts.Discard {
		w.fsys = nowhere{root: w.opts.Root}
		return nil
	}
	partial, err := MakePartial(w.opts)
	if err != nil {
		return err
	}
	w.partial = partial
	for _, name := range folders() {
		if err := w.fsys.Mkdir(filepath.Join(partial.dir, name), dirPerm); err != nil {
			return err
		}
	}
	return nil
}

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

// ended reports whether the bundle was published or aborted.
func (w *Writer) ended() bool { return w.over || !w.opts.Discard && w.partial.dir == "" }

func (w *Writer) goal() string { return filepath.Join(w.opts.Root, w.Name()) }

// Abort removes what was assembled. It is harmless after Publish, and twice.
func (w *Writer) Abort() error {
	w.over = true
	if err := w.partial.Remove(); err != nil {
		return fmt.Errorf("remove partial bundle: %w", err)
	}
	return nil
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
