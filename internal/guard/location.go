package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// neoDataDir is production wherever it stands on a path. It is compared without
// case everywhere: where the file system tells cases apart, that only makes the
// guard stricter.
const neoDataDir = ".neo-ai-data"

func isNeoDataDir(name string) bool { return strings.EqualFold(name, neoDataDir) }

// fileID is a file's identity on this machine until it restarts.
type fileID struct {
	device, inode uint64
}

// location is what a path was found to be.
type location struct {
	resolved string      // absolute, without links and ".."
	exists   bool        // else only device and mount are known, of where it would be
	kind     fs.FileMode // type bits only
	id       fileID
	links    uint64 // names of a file; 0 for what is no regular file
	mount    uint64 // 0 where the system doesn't say
	neo      bool   // a part of the path, or of a link on it, is .neo-ai-data
}

// resolve follows links and ".." on the part of path that exists, as the system
// itself would, and takes the rest as it is written. It never guesses: what it
// can't look at is an error. It changes nothing.
func resolve(path string) (location, error) {
	if !filepath.IsAbs(path) {
		return location{}, fmt.Errorf("resolve path: %q is not absolute", path)
	}
	p, err := walk(path)
	if err != nil {
		return location{}, fmt.Errorf("resolve path: %w", err)
	}
	return p, nil
}

func (p location) isFolder() bool { return p.kind == fs.ModeDir }

// under is where rest would be below p.
func (p location) under(rest string) location {
	return location{resolved: filepath.Join(p.resolved, rest), id: fileID{device: p.id.device}, mount: p.mount, neo: p.neo}
}

const separator = string(filepath.Separator)

// spared says why a folder must not go with all that is in it, "" when it may.
func spared(folder location) (why string, err error) {
	const limit = 10_000
	seen := 0
	err = filepath.WalkDir(folder.resolved, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if seen++; seen > limit {
			return errors.New("it holds too much to be sure of")
		}
		if isNeoDataDir(entry.Name()) {
			why = "it holds a " + neoDataDir
			return filepath.SkipAll
		}
		inside, err := look(path)
		if err == nil && !inside.on(folder) {
			why = "something is mounted in it"
			return filepath.SkipAll
		}
		return err
	})
	return why, err
}

// on reports whether the location is on the file system and mount of folder.
func (p location) on(folder location) bool {
	return p.id.device == folder.id.device && p.mount == folder.mount
}
