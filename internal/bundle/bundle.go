// Package bundle is the format: one directory that holds an agent's memory,
// whole or not at all. A Writer makes one, Open, Verify and Records read one. It
// knows no store, and nothing of the bundles beside. DESIGN.md beside it says what
// lies on disk, in which order it is written, and what is refused.
package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// Errors that callers test for.
var (
	// ErrNotFound says that there is nothing at the path.
	ErrNotFound = errors.New("no such bundle")
	// ErrNotBundle says that what is at the path is no bundle.
	ErrNotBundle = errors.New("not a bundle")
	// ErrExists says that a bundle of that name is there already.
	ErrExists = errors.New("bundle exists already")
	// ErrChanged says that a bundle is not what it was when it was sealed or
	// verified.
	ErrChanged = errors.New("bundle has changed")
	// ErrNoSection says that a bundle has no such section.
	ErrNoSection = errors.New("bundle has no such section")
)

// Limits bound what is read. A zero field stands for its default.
type Limits struct {
	Line    int64  // bytes of a line, 256 MiB
	Ratio   int64  // how many times a compressed file may expand, 200
	Window  uint64 // bytes of a zstd window, 64 MiB
	Meta    int64  // bytes of the meta and of SHA256SUMS, 64 MiB
	Entries int    // files and folders in a bundle, 100,000
}

func (l Limits) orDefaults() Limits {
	defaults := Limits{Line: record.MaxLine, Ratio: 200, Window: 64 << 20, Meta: 64 << 20, Entries: 100_000}
	setDefault(&l.Line, defaults.Line)
	setDefault(&l.Ratio, defaults.Ratio)
	setDefault(&l.Window, defaults.Window)
	setDefault(&l.Meta, defaults.Meta)
	setDefault(&l.Entries, defaults.Entries)
	return l
}

// expanded is how much a compressed file of that size may hold.
func (l Limits) expanded(size int64) int64 { return size*l.Ratio + expansionSlack }

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Bundle is a bundle to read from. It holds nothing open; many goroutines may
// use it.
type Bundle struct {
	path   string
	limits Limits
	// The meta as it was at Open: what is read later is held against it.
	raw     []byte // nil when there is none
	meta    *Meta  // nil when there is none, or it doesn't parse
	metaErr error
	sealErr error
	// What lay there at Open, then at the last Verify; nil with a keepsake block.
	seen atomic.Pointer[sight]
	// What Verify saw of the payloads.
	blocks blockSums

	once  sync.Once
	named named // once it was asked for, with a keepsake block
}

// Open looks at the bundle at path, whatever its name. It reads the meta, or
// without one of ours the names of the files. A meta that is damaged is no error
// here, Verify reports it.
// ErrNotFound when nothing is there; ErrNotBundle for what a killed run left,
// and for a directory with neither a meta nor one of a bundle's folders.
func Open(path string, limits Limits) (*Bundle, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	b := &Bundle{path: abs, limits: limits.orDefaults()}
	if err := b.recognise(); err != nil {
		return nil, fmt.Errorf("open bundle %s: %w", path, err)
	}
	if err := b.look(); err != nil {
		return nil, fmt.Errorf("open bundle %s: %w", path, err)
	}
	return b, nil
}

func (b *Bundle) recognise() error {
	info, err := os.Stat(b.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%w: it is a file", ErrNotBundle)
	case strings.HasPrefix(b.Name(), PartialPrefix) || b.has(ownerFile):
		return fmt.Errorf("%w: a backup was killed or is still writing here", ErrNotBundle)
	case strings.HasPrefix(b.Name(), TrashPrefix):
		return fmt.Errorf("%w: it is being deleted", ErrNotBundle)
	}
	for _, name := range append([]string{MetaFile}, folders()...) {
		if b.has(name) {
			return nil
		}
	}
	return fmt.Errorf("%w: it has neither %s nor one of the folders %s",
		ErrNotBundle, MetaFile, strings.Join(folders(), ", "))
}

func (b *Bundle) has(name string) bool {
	_, err := os.Lstat(filepath.Join(b.path, name))
	return err == nil
}

func (b *Bundle) look() error {
	root, err := os.OpenRoot(b.path)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := b.readMeta(root); err != nil || b.block() != nil {
		return err
	}
	t, err := scan(root, b.limits) // only the names say which sections there are
	b.seen.Store(&sight{tree: t})
	return err
}

func (b *Bundle) readMeta(root *os.Root) error {
	raw, err := readSmall(root, MetaFile, b.limits.Meta)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, errTooLarge), errors.Is(err, errNotRegular):
		b.metaErr = err
		return nil
	case err != nil:
		return fmt.Errorf("read meta: %w", err)
	}
	b.raw = raw
	b.meta, b.metaErr = ParseMeta(raw)
	if b.metaErr == nil && b.meta.Keepsake != nil {
		b.sealErr = CheckSeal(raw)
	}
	return nil
}

// ReadMeta reads the meta of the bundle at path, and nothing else of it. The meta
// is nil where there is none or it doesn't parse; err says what is wrong with it,
// and is nil when it is only absent.
func ReadMeta(path string) (meta *Meta, sealed bool, err error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, false, err
	}
	defer root.Close()
	b := &Bundle{path: path, limits: Limits{}.orDefaults()}
	if err := b.readMeta(root); err != nil {
		return nil, false, err
	}
	return b.meta, b.Sealed(), errors.Join(b.metaErr, b.sealErr)
}

var errTooLarge = errors.New("file is too large")

// readSmall reads a whole file below root, of limit bytes at the most.
func readSmall(root *os.Root, path string, limit int64) ([]byte, error) {
	file, size, err := openRegular(root, path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > limit {
		return nil, fmt.Errorf("%w: %d bytes", errTooLarge, size)
	}
	var b bytes.Buffer
	b.Grow(int(size) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(file, limit)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Path returns the bundle's absolute path, Name its last element.
func (b *Bundle) Path() string { return b.path }

// Name returns the name of the bundle's directory.
func (b *Bundle) Name() string { return filepath.Base(b.path) }

// Meta returns the meta, nil when there is none or it doesn't parse. It is not
// to be changed.
func (b *Bundle) Meta() *Meta { return b.meta }

// Sealed reports whether the meta has a keepsake block and is, to the byte, what
// was sealed.
func (b *Bundle) Sealed() bool { return b.block() != nil && b.sealErr == nil }

// block returns the keepsake block, nil when there is none.
func (b *Bundle) block() *Keepsake {
	if b.meta == nil {
		return nil
	}
	return b.meta.Keepsake
}

// folders are the folders that every bundle of ours has.
func folders() []string {
	var all []string
	for _, s := range memory.Subsystems() {
		all = append(all, string(s))
	}
	return all
}
