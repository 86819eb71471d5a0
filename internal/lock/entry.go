package lock

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Owner files lie in a folder beside the lock file, one for each holder, whose
// name begins with how it holds the lock.
const (
	folderSuffix    = ".owners"
	exclusivePrefix = "exclusive-"
	sharedPrefix    = "shared-"
	entrySuffix     = ".json"
	tempPrefix      = ".new-"
)

// entry is an owner file.
type entry struct {
	path  string
	mode  Mode
	owner Owner // zero when the file can't be read or parsed
}

func folder(path string) string { return path + folderSuffix }

// readEntries lists the owner files of a lock.
func readEntries(path string) ([]entry, error) {
	files, err := os.ReadDir(folder(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list owners: %w", err)
	}
	var all []entry
	for _, f := range files {
		e := entry{path: filepath.Join(folder(path), f.Name())}
		switch {
		case strings.HasPrefix(f.Name(), exclusivePrefix):
		case strings.HasPrefix(f.Name(), sharedPrefix):
			e.mode = Shared
		default:
			continue // being written, or nobody's
		}
		there, err := e.read()
		if err != nil {
			return nil, err
		}
		if there {
			all = append(all, e)
		}
	}
	return all, nil
}

// read is false for a file that is gone by now.
func (e *entry) read() (bool, error) {
	data, err := os.ReadFile(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read owner: %w", err)
	}
	if json.Unmarshal(data, &e.owner) != nil {
		e.owner = Owner{}
	}
	return true, nil
}

// writeEntry puts an owner file there, whole from the first moment.
func writeEntry(path string, mode Mode, o Owner) (string, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("marshal owner: %w", err)
	}
	dir := folder(path)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	prefix := exclusivePrefix
	if mode == Shared {
		prefix = sharedPrefix
	}
	name := rand.Text()[:8]
	temp, entry := filepath.Join(dir, tempPrefix+name), filepath.Join(dir, prefix+name+entrySuffix)
	if err = os.WriteFile(temp, append(data, '\n'), 0o644); err == nil {
		err = os.Rename(temp, entry)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("write owner: %w", err), removeFile(temp))
	}
	return entry, nil
}

// sift reads the owner files in the way of a lock that the kernel gave us, but
// for our own, and parts those that may hold it from the dead.
func sift(opts Options, own ...string) (held []Owner, gone []entry, err error) {
	all, err := readEntries(opts.Path)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range inTheWay(all, opts.Mode) {
		switch {
		case slices.Contains(own, e.path):
		case judge(e.owner, opts) == dead:
			gone = append(gone, e)
		default:
			held = append(held, e.owner)
		}
	}
	return held, gone, nil
}

// inTheWay leaves out those who share.
func inTheWay(all []entry, mode Mode) []entry {
	if mode == Exclusive {
		return all
	}
	return slices.DeleteFunc(all, func(e entry) bool { return e.mode == Shared })
}

func owners(entries []entry) []Owner {
	var all []Owner
	for _, e := range entries {
		all = append(all, e.owner)
	}
	return all
}

func removeEntries(entries []entry) error {
	var failed []error
	for _, e := range entries {
		failed = append(failed, removeFile(e.path))
	}
	return errors.Join(failed...)
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
