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
}

// walk resolves path the way the kernel does: ".." is the parent of what has
// been reached, not of what was written.
func walk(path string) (place, error) {
	w := walker{at: separator, rest: strings.Split(path, separator)}
	for len(w.rest) > 0 {
		part := w.rest[0]
		w.rest = w.rest[1:]
		w.neo = w.neo || isNeoDataDir(part)
		absent, err := w.step(part)
		if err != nil {
			return place{}, err
		}
		if absent {
			return w.absent(part)
		}
	}
	return w.here()
}

// step goes to part, or through it when it is a link.
func (w *walker) step(part string) (absent bool, err error) {
	switch part {
	case "", ".":
		return false, nil
	case "..":
		w.at = filepath.Dir(w.at)
		return false, nil
	}
	next := filepath.Join(w.at, part)
	info, err := os.Lstat(next)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return false, w.follow(next)
	}
	if !info.IsDir() && len(w.rest) > 0 {
		return false, fmt.Errorf("%s is not a folder", next)
	}
	w.at = next
	return false, nil
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

// absent ends the walk at the first part that isn't there. What follows is taken
// as written, so a ".." in it would be a guess.
func (w *walker) absent(part string) (place, error) {
	resolved := filepath.Join(w.at, part)
	for _, name := range w.rest {
		if name == ".." {
			return place{}, fmt.Errorf("%s does not exist, so nothing says what its %q is", resolved, "..")
		}
		w.neo = w.neo || isNeoDataDir(name)
	}
	p, err := w.here()
	p.resolved, p.exists = filepath.Join(resolved, filepath.Join(w.rest...)), false
	return p, err
}

// here is the place of the part that was reached.
func (w *walker) here() (place, error) {
	p, err := look(w.at)
	p.neo = w.neo
	return p, err
}

// look looks at a path that has no links.
func look(path string) (place, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return place{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return place{}, fmt.Errorf("%s: the system gives no device and inode", path)
	}
	p := place{resolved: path, exists: true, mount: mountOf(path), kind: info.Mode().Type()}
	//nolint:unconvert // the types differ between systems
	p.id = fileID{device: uint64(stat.Dev), inode: uint64(stat.Ino)}
	if p.isFile() {
		//nolint:unconvert // likewise
		p.links = uint64(stat.Nlink)
	}
	return p, nil
}
