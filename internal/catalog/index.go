package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keepsake/internal/atomicfile"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// indexDir is where the indexes lie that were made of a bundle later, beside its notes.
func indexDir(root, name string) string {
	return filepath.Join(root, notesPrefix+strings.TrimPrefix(name, bundle.Prefix)+".index")
}

// OpenIndex opens the index of a section of a bundle of the catalog: its own, and where
// it has none, or a damaged one, that which lies beside it with its notes. Is there none
// either, it is made of the payload, once, where mayMake says so: otherwise
// bundle.ErrNoIndex. An error says that the payload can't be read, or that the index
// can't be kept.
func (c *Catalog) OpenIndex(ctx context.Context, b *bundle.Bundle, section memory.Section, mayMake bool) (*bundle.OpenIndex, error) {
	if whole(b, section) {
		return b.OpenIndex(section)
	}
	beside := indexFile{dir: indexDir(c.Root, b.Name()), section: section}
	if in, err := beside.open(b); err == nil {
		return in, nil
	}
	if !mayMake {
		return nil, bundle.ErrNoIndex
	}
	if err := beside.make(ctx, c.Root, b); err != nil {
		return nil, err
	}
	return beside.open(b)
}

// whole reports whether a bundle's own index can be read to its end, where its hash is
// looked at.
func whole(b *bundle.Bundle, section memory.Section) bool {
	in, err := b.OpenIndex(section)
	for err == nil {
		_, err = in.Next()
	}
	if in != nil {
		_ = in.Close() // it was only read
	}
	return errors.Is(err, io.EOF)
}

// indexFile is the index of a section beside its bundle. Its hash is in its name: a
// comparison with a damaged one would be a wrong word.
type indexFile struct {
	dir     string
	section memory.Section
}

// stem begins the file's name.
func (f indexFile) stem() string {
	sum := sha256.Sum256([]byte(f.section))
	return hex.EncodeToString(sum[:8]) + "-"
}

// open opens the file, once its hash is what its name says.
func (f indexFile) open(b *bundle.Bundle) (*bundle.OpenIndex, error) {
	found, err := filepath.Glob(filepath.Join(f.dir, f.stem()+"*.idx"))
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, file)
		if err == nil && strings.HasSuffix(path, hex.EncodeToString(sum.Sum(nil))+".idx") {
			if _, err = file.Seek(0, io.SeekStart); err == nil {
				return b.ReadIndex(f.section, file)
			}
		}
		_ = file.Close() // it was only read
	}
	return nil, fs.ErrNotExist
}

// make makes the file of the bundle's payload.
func (f indexFile) make(ctx context.Context, root string, b *bundle.Bundle) error {
	if err := atomicfile.MkdirAll(atomicfile.System{}, f.dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(f.dir, ".making-*.tmp")
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = b.WriteIndex(ctx, f.section, io.MultiWriter(temp, sum), f.dir)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err == nil {
		err = f.keep(root, b, temp.Name(), sum)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(temp.Name()))
	}
	return err
}

// keep gives the file its name, unless the bundle went meanwhile.
func (f indexFile) keep(root string, b *bundle.Bundle, temp string, sum hash.Hash) error {
	return withNotesLocked(root, func() error {
		if _, err := os.Lstat(b.Path()); err != nil {
			return fmt.Errorf("%w: %w", bundle.ErrNotFound, err)
		}
		fsys := atomicfile.System{}
		goal := filepath.Join(f.dir, f.stem()+hex.EncodeToString(sum.Sum(nil))+".idx")
		if err := fsys.Rename(temp, goal); err != nil {
			return err
		}
		return fsys.SyncDir(f.dir)
	})
}
