//go:build !windows

package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is how many links one path may go through; Linux allows 40.
const maxLinks = 40

// walker goes down a path part by part. at has no links and no "..".
type walker struct {
	at    string
	rest  []string
	links int
	neo   bool
	gone  string // what isn't there, below at
}

// walk resolves path the way the kernel does: ".." is the parent of what has
// been reached, not of what was written.
func walk(path string) (location, error) {
	w := walker{at: separator, rest: strings.Split(path, separator)}
	for len(w.rest) > 0 {
		part := w.rest[0]
		w.rest = w.rest[1:]
		w.neo = w.neo || isNeoDataDir(part)
		err := w.step(part)
		if errors.Is(err, fs.ErrNotExist) {
			err = w.end(part)
		}
		if err != nil {
			return location{}, err
		}
	}
	p, err := look(w.at)
	if err != nil {
		return location{}, err
	}
	p.neo = w.neo
	if w.gone != "" {
		p = p.under(w.gone)
	}
	return p, p.confirm(path)
}

// confirm asks the system where path leads. The walk reads the text of links,
// and that of a magic one (/proc/1/root) is not where it leads.
func (p location) confirm(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !p.exists {
		return nil
	}
	if err != nil {
		return err
	}
	if id, _, err := identify(info); err != nil || id != p.id {
		return fmt.Errorf("%s does not lead to %s", path, p.resolved)
	}
	return nil
}

// identify returns a file's identity and how many names it has.
func identify(info fs.FileInfo) (id fileID, links uint64, err error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, 0, fmt.Errorf("%s: the system gives no device and inode", info.Name())
	}
	//nolint:unconvert // the types differ between systems
	return fileID{device: uint64(stat.Dev), inode: uint64(stat.Ino)}, uint64(stat.Nlink), nil
}

// step goes to part, or through it when it is a link. That a file is no folder
// is found by the next step, or by confirm.
func (w *walker) step(part string) error {
	switch part {
	case "", ".":
		return nil
	case "..":
		w.at = filepath.Dir(w.at)
		return nil
	}
	next := filepath.Join(w.at, part)
	info, err := os.Lstat(next)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return w.follow(next)
	}
	w.at = next
	return nil
}

func (w *walker) follow(link string) error {
	if w.links++; w.links > maxLinks {
		return fmt.Errorf("%s: too many links", link)
	}
	goal, err := os.Readlink(link)
	if err != nil {
		return err
	}
	if filepath.IsAbs(goal) {
		w.at = separator
	}
	w.rest = append(strings.Split(goal, separator), w.rest...)
	return nil
}

// end ends the walk at the first part that isn't there. What follows is taken as
// written, so a ".." in it would be a guess.
func (w *walker) end(part string) error {
	for _, name := range w.rest {
		if name == ".." {
			return fmt.Errorf("%s does not exist, so nothing says what its %q is", filepath.Join(w.at, part), name)
		}
		w.neo = w.neo || isNeoDataDir(name)
	}
	w.gone, w.rest = filepath.Join(part, filepath.Join(w.rest...)), nil
	return nil
}

// look looks at a path that has no links.
func look(path string) (location, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return location{}, err
	}
	id, links, err := identify(info)
	if err != nil {
		return location{}, err
	}
	p := location{resolved: path, exists: true, mount: mountOf(path), kind: info.Mode().Type(), id: id}
	if p.kind.IsRegular() {
		p.links = links
	}
	return p, nil
}
