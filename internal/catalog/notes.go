package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"keepsake/internal/atomicfile"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

const (
	notesPrefix = ".notes-"
	notesSuffix = ".json"
	notesLock   = ".notes.lock"
	notesLimit  = 1 << 20

	// maxVerifications is how many verifications are kept of a bundle.
	maxVerifications = 20
)

// ErrNotes says that the notes of a bundle can't be read. What they say is then
// unknown: not "unpinned", and not "no failed verification".
var ErrNotes = errors.New("notes cannot be read")

// Notes are what is known of a bundle and isn't in it, because a published bundle
// never changes. They lie beside it in the backup root. The zero Notes are those
// of a bundle that nobody pinned or verified.
type Notes struct {
	Pinned *Pin `json:"pinned,omitempty"`
	// Verifications are the last ones, oldest first.
	Verifications []Verification `json:"verifications,omitempty"`
}

// Pin says that retention may never remove a bundle.
type Pin struct {
	At  time.Time `json:"at"`
	Why string    `json:"why,omitempty"`
}

// Verification is what became of one.
type Verification struct {
	At       time.Time    `json:"at"`
	Level    bundle.Level `json:"level"`
	OK       bool         `json:"ok"`
	Tool     string       `json:"tool"`
	Seconds  float64      `json:"seconds"`
	Rows     int64        `json:"rows,omitempty"`
	Refusals int          `json:"refusals"` // findings for which a bundle must not be used
	// Bad are the units that the refusals are of. Without any, a verification that
	// failed speaks against the whole bundle.
	Bad []memory.Unit `json:"bad,omitempty"`
	// Recall is the share, from 0 to 1, of exact nearest neighbours that a drill
	// found again; nil when none was asked for.
	Recall *float64 `json:"recall,omitempty"`
}

// Add notes a verification, and lets the oldest go.
func (n *Notes) Add(v Verification) {
	n.Verifications = append(n.Verifications, v)
	if more := len(n.Verifications) - maxVerifications; more > 0 {
		n.Verifications = append([]Verification(nil), n.Verifications[more:]...)
	}
}

// Last returns the newest verification, nil when there is none.
func (n *Notes) Last() *Verification {
	if len(n.Verifications) == 0 {
		return nil
	}
	return &n.Verifications[len(n.Verifications)-1]
}

// Failed returns the newest failed verification that no later one of at least
// the same level has outdone, nil when there is none: hashes that are right say
// nothing of a row that was found wrong.
func (n *Notes) Failed() *Verification {
	return n.failed(func(*Verification) bool { return true })
}

// FailedFor is as Failed, of one unit: a verification that found nothing in it has
// passed for it.
func (n *Notes) FailedFor(unit memory.Unit) *Verification {
	return n.failed(func(v *Verification) bool { return len(v.Bad) == 0 || slices.Contains(v.Bad, unit) })
}

func (n *Notes) failed(against func(*Verification) bool) *Verification {
	passed := -1
	for i := len(n.Verifications) - 1; i >= 0; i-- {
		v := &n.Verifications[i]
		ok := v.OK || !against(v)
		switch {
		case !ok && rank(v.Level) > passed:
			return v
		case ok && rank(v.Level) < unknownRank:
			passed = max(passed, rank(v.Level))
		}
	}
	return nil
}

// rank orders the levels. One that this version doesn't know stands above all.
func rank(l bundle.Level) int {
	switch l {
	case bundle.Quick:
		return 0
	case bundle.Full:
		return 1
	case Drill:
		return 2
	}
	return unknownRank
}

const unknownRank = 3

// Drill is the level of a verification that restored the bundle. It is noted
// here, and bundle.Verify doesn't do it.
const Drill bundle.Level = "restore"

// notesPath returns where the notes of the bundle of that name lie.
func notesPath(root, name string) (string, error) {
	if _, err := bundle.ParseName(name); err != nil {
		return "", err
	}
	return filepath.Join(root, notesName(name)), nil
}

func notesName(name string) string {
	return notesPrefix + strings.TrimPrefix(name, bundle.Prefix) + notesSuffix
}

// LoadNotes returns the notes of a bundle of a backup root, which need not be
// there itself. Without any they are the zero Notes. An error wraps ErrNotes.
func LoadNotes(root, name string) (Notes, error) {
	path, err := notesPath(root, name)
	if err != nil {
		return Notes{}, fmt.Errorf("%w: %w", ErrNotes, err)
	}
	n, err := readNotes(path)
	if err != nil {
		return Notes{}, fmt.Errorf("%w: %w", ErrNotes, err)
	}
	return n, nil
}

func readNotes(path string) (n Notes, err error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return n, nil
	case err != nil:
		return n, err
	case !info.Mode().IsRegular():
		return n, fmt.Errorf("%s: is no regular file", filepath.Base(path))
	case info.Size() > notesLimit:
		return n, fmt.Errorf("%s: file is too large: %d bytes", filepath.Base(path), info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return n, err
	}
	if !bytes.HasPrefix(data, []byte("{")) { // an emptied file says nothing, not "never"
		return n, fmt.Errorf("parse %s: want a JSON object", filepath.Base(path))
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return Notes{}, fmt.Errorf("parse %s: %w", filepath.Base(path), err)
	}
	return n, nil
}

// UpdateNotes changes the notes of a bundle of a backup root, whole or not at
// all. Two that do so at once come one after the other. Notes that can't be read
// are not overwritten: ErrNotes, for they may hold a pin. bundle.ErrNotFound when the
// bundle is gone: what is noted of it would be believed to hold.
func UpdateNotes(root, name string, change func(*Notes)) error {
	path, err := notesPath(root, name)
	if err != nil {
		return fmt.Errorf("update notes: %w", err)
	}
	err = withNotesLocked(root, func() error {
		n, err := LoadNotes(root, name)
		if err != nil {
			return err
		}
		// Discard renames under the same lock: here it is there, or it isn't.
		if _, err := os.Lstat(filepath.Join(root, name)); err != nil {
			return fmt.Errorf("%w: %w", bundle.ErrNotFound, err)
		}
		change(&n)
		data, err := json.MarshalIndent(n, "", "  ")
		if err != nil {
			return err
		}
		return atomicfile.WriteFile(path, append(data, '\n'), 0o600)
	})
	if err != nil {
		return fmt.Errorf("update notes: %w", err)
	}
	return nil
}

// withNotesLocked does something while nobody else notes anything in a root.
func withNotesLocked(root string, do func() error) error {
	lock := flock.New(filepath.Join(root, notesLock), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return errors.Join(do(), lock.Close())
}
