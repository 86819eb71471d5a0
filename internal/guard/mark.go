package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// MarkKey is the key of a collection's metadata that holds its Mark. Stores take
// it out on export and on import: a mark is no memory.
const MarkKey = "keepsake:mark"

// FolderMark is the file that marks a folder as disposable.
const FolderMark = ".keepsake-disposable.json"

// MarkKind says what a mark makes of a collection.
type MarkKind string

// The kinds of mark.
const (
	MarkDisposable MarkKind = "disposable" // made to be thrown away: a test's, a drill's
	MarkShadow     MarkKind = "shadow"     // being filled by a plan
	MarkAside      MarkKind = "aside"      // the old one that a plan kept
)

// Mark is what this tool writes into a collection of its own making. It counts
// only on the collection whose id it names, so that a copy of it proves nothing.
type Mark struct {
	Kind MarkKind `json:"kind"`
	// ID is the id of the collection that bears the mark.
	ID string `json:"id"`
	// Plan is whose shadow or kept-aside collection it is; Finished says that
	// the plan is done with it.
	Plan     string `json:"plan,omitempty"`
	Finished bool   `json:"finished,omitempty"`
}

// Encode returns the value for MarkKey.
func (m Mark) Encode() string {
	text, _ := json.Marshal(m) // strings and a bool always marshal
	return string(text)
}

// parseMark returns the zero mark, which proves nothing, for what is no mark.
func parseMark(text string) Mark {
	var m Mark
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return Mark{}
	}
	return m
}

// on reports whether the mark names the collection that bears it.
func (m Mark) on(id string) bool { return id != "" && m.ID == id }

// ours reports whether the mark shows a collection that a finished plan left.
func (m Mark) ours() bool {
	return (m.Kind == MarkShadow || m.Kind == MarkAside) && m.Plan != "" && m.Finished
}

// folderMark is the content of FolderMark. The numbers are strings, since they
// are larger than what JSON readers keep.
type folderMark struct {
	Tool   string `json:"tool"`
	Device string `json:"device"`
	Inode  string `json:"inode"`
}

func markFor(id fileID) folderMark {
	return folderMark{
		Tool:   "keepsake",
		Device: strconv.FormatUint(id.device, 10),
		Inode:  strconv.FormatUint(id.inode, 10),
	}
}

// MarkFolder marks a folder that the caller has just made as disposable, with
// all that will be put into it. It refuses one that isn't empty, so that nothing
// that was there before becomes disposable, and one under .neo-ai-data.
func MarkFolder(folder string) error {
	p, err := resolve(folder)
	if err != nil {
		return fmt.Errorf("mark folder: %w", err)
	}
	if p.neo {
		return fmt.Errorf("mark folder: %s is on the path of %s", neoDataDir, folder)
	}
	entries, err := os.ReadDir(p.resolved)
	if err != nil {
		return fmt.Errorf("mark folder: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("mark folder: %s is not empty", folder)
	}
	text, err := json.Marshal(markFor(p.id))
	if err != nil {
		return fmt.Errorf("mark folder: %w", err)
	}
	if err := createFile(filepath.Join(p.resolved, FolderMark), append(text, '\n')); err != nil {
		return fmt.Errorf("mark folder: %w", err)
	}
	return nil
}

// isMarked reports whether the folder bears a mark that names it by device and
// inode. A copy of a marked folder is another folder.
func isMarked(p location) bool {
	text, err := readSmall(filepath.Join(p.resolved, FolderMark), 4<<10)
	if err != nil {
		return false
	}
	var m folderMark
	return json.Unmarshal(text, &m) == nil && m == markFor(p.id)
}

// readSmall reads a regular file with one name, of at most limit bytes. Its
// folder is resolved already.
func readSmall(path string, limit int64) ([]byte, error) {
	p, err := look(path)
	if p.links != 1 || p.resolved != path { // on Windows the look goes through links
		return nil, errors.Join(fmt.Errorf("read %s: not a file of its own", path), err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("read %s: larger than %d bytes", path, limit)
	}
	return text, nil
}

// createFile writes a file that must not be there yet, whole and synced, or
// leaves none. The folder is synced too.
func createFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close(), syncFolder(filepath.Dir(path)))
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
