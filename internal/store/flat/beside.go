package flat

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	digest "hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"keepsake/internal/atomicfile"
)

// beside is a new file that is written beside a live one, to take its place. No
// reading takes it: its name is hidden.
type beside struct {
	fsys  atomicfile.FS
	path  string // of the live file, links resolved
	temp  string
	made  []string // folders that were made for it, the deepest first
	there bool     // it is ours to remove
	moved bool     // it has its name

	handle atomicfile.Handle
	w      *bufio.Writer
	sum    digest.Hash
	rows   int64
}

func newBeside(fsys atomicfile.FS, path, tag string) *beside {
	dir, base := filepath.Split(path)
	return &beside{fsys: fsys, path: path, temp: filepath.Join(dir, "."+base+"."+tag+".tmp"), sum: sha256.New()}
}

// create makes the file, as one of the same owner and mode as the live one; nil
// when there is none. What an earlier try left is taken away.
func (b *beside) create(live fs.FileInfo) (err error) {
	dir := filepath.Dir(b.path)
	b.made = missing(dir)
	if err := atomicfile.MkdirAll(b.fsys, dir, 0o755); err != nil {
		return err
	}
	if err := b.clear(); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if live != nil {
		mode = 0o600 // until it is the owner's
	}
	if b.handle, err = b.fsys.Create(b.temp, mode); err != nil {
		return err
	}
	b.there = true
	b.w = bufio.NewWriterSize(b.handle, 256<<10)
	return b.adopt(live)
}

// clear removes a file that has the name of ours: an earlier try's.
func (b *beside) clear() error {
	info, err := os.Lstat(b.temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file but %s", b.temp, kind(info.Mode()))
	}
	if err != nil {
		return err
	}
	return b.fsys.RemoveAll(b.temp)
}

// missing lists dir and the folders above it that aren't there.
func missing(dir string) (folders []string) {
	for {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return folders
		}
		folders = append(folders, dir)
		dir = filepath.Dir(dir)
	}
}

// adopt gives the file the owner and the mode of the live one.
func (b *beside) adopt(live fs.FileInfo) error {
	if live == nil {
		return nil
	}
	if err := adoptOwner(b.temp, live); err != nil {
		return fmt.Errorf("keep owner: %w", bare(err))
	}
	const kept = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if err := os.Chmod(b.temp, live.Mode()&kept); err != nil { // after the owner, which takes bits off
		return fmt.Errorf("keep mode: %w", bare(err))
	}
	return nil
}

// line writes a line.
func (b *beside) line(line []byte) error {
	if err := b.write(line); err != nil {
		return err
	}
	b.rows++
	return b.write([]byte{'\n'})
}

func (b *beside) write(p []byte) error {
	b.sum.Write(p) // a hash takes all
	_, err := b.w.Write(p)
	return err
}

// copy writes what r has, of which whole lines count as rows.
func (b *beside) copy(r io.Reader) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := r.Read(buffer)
		b.rows += int64(bytes.Count(buffer[:n], []byte{'\n'}))
		if err := b.write(buffer[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sync makes what was written durable.
func (b *beside) sync() error {
	if err := b.w.Flush(); err != nil {
		return err
	}
	return b.handle.Sync()
}

func (b *beside) close() error {
	if b.handle == nil {
		return nil
	}
	h := b.handle
	b.handle = nil
	return h.Close()
}

// take takes the place of the old file. The name is durable after settle.
func (b *beside) take(o *old) error {
	if !renamesOverOpen { // nobody else has it open then, or the rename fails
		if err := o.close(); err != nil {
			return err
		}
	}
	if err := b.fsys.Rename(b.temp, b.path); err != nil {
		return err
	}
	b.moved = true
	return nil
}

// settle makes the name durable.
func (b *beside) settle() error { return b.fsys.SyncDir(filepath.Dir(b.path)) }

// discard removes the file unless it took its place, and the folders that were
// made for it if nothing came into them. It may be called twice.
func (b *beside) discard() error {
	err := b.close()
	if b.moved {
		return err
	}
	if b.there {
		if err := b.fsys.RemoveAll(b.temp); err != nil {
			return err
		}
	}
	for _, dir := range b.made {
		_ = os.Remove(dir) // one that is not empty stays
	}
	b.made = nil
	return err
}
