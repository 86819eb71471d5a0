// Package memoryid keeps the identity of a memory, in memory.json of its data
// dir: the id that its bundles carry, how many of them there have been, and the
// place that the id is bound to. It is a package of its own because config only
// reads what an operator wrote, and bundle knows no data dir. DESIGN.md beside it
// says when an identity is in doubt, and what settles it.
package memoryid

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"

	"keepsake/internal/atomicfile"
	"keepsake/internal/memory"
)

// Where the identity stands in a data dir.
const (
	Dir  = ".keepsake"
	File = "memory.json"

	lockFile = "memory.lock"
)

// Errors that callers test for.
var (
	// ErrInvalid says that memory.json is there and is not what it should be. It
	// is never taken for an absent one: a new identity would cut the memory off
	// from its bundles.
	ErrInvalid = errors.New("memory identity is not valid")
	// ErrNone says that the memory has no identity yet.
	ErrNone = errors.New("memory has no identity")
	// ErrOther says that the memory is another one.
	ErrOther = errors.New("another memory")
)

// Identity is what memory.json holds. The zero Identity is of a memory that has
// none yet. Further fields of the file are ignored and not kept.
type Identity struct {
	// MemoryID is a UUID in its usual form, made at random.
	MemoryID  string    `json:"memoryId"`
	CreatedAt time.Time `json:"createdAt"`
	// LastSequence is the highest sequence that was given to a bundle: it only
	// grows, and one that was given and never published is not given again.
	LastSequence int64 `json:"lastSequence"`
	// Places are those where the memory lives: one folder may be reached by several
	// paths. None in a file that is older than places are.
	Places []Place `json:"places,omitempty"`
	// Before are the places where it lived: the bundles of then are its own.
	Before []memory.Past `json:"before,omitempty"`
	// Also are the ids that bundles were made under at its places until it was settled
	// whose memory it is.
	Also []string `json:"also,omitempty"`
	// ClonedFrom is the memory out of whose bundle, or folder, this one was made.
	ClonedFrom string `json:"clonedFrom,omitempty"`
	// MaybeSameAs are memories that this one may be, and nobody has settled it yet;
	// NotSameAs are those that it isn't.
	MaybeSameAs []string `json:"maybeSameAs,omitempty"`
	NotSameAs   []string `json:"notSameAs,omitempty"`
}

// IsZero reports whether there is no identity.
func (i Identity) IsZero() bool { return i.MemoryID == "" }

// Equal reports whether both say the same.
func (i Identity) Equal(other Identity) bool { return reflect.DeepEqual(i, other) }

func (i Identity) check() error {
	switch {
	case !isID(i.MemoryID):
		return fmt.Errorf("%w: memoryId %.50q is no UUID", ErrInvalid, i.MemoryID)
	case i.CreatedAt.IsZero():
		return fmt.Errorf("%w: no createdAt", ErrInvalid)
	case i.LastSequence < 0:
		return fmt.Errorf("%w: lastSequence is %d", ErrInvalid, i.LastSequence)
	case i.ClonedFrom != "" && !isID(i.ClonedFrom):
		return fmt.Errorf("%w: clonedFrom %.50q is no UUID", ErrInvalid, i.ClonedFrom)
	}
	for _, id := range slices.Concat(i.Also, i.MaybeSameAs, i.NotSameAs) {
		if !isID(id) {
			return fmt.Errorf("%w: %.50q is no UUID", ErrInvalid, id)
		}
	}
	if slices.ContainsFunc(i.Places, func(p Place) bool { return p.DataDir == "" }) ||
		slices.ContainsFunc(i.Before, func(p memory.Past) bool { return p.DataDir == "" }) {
		return fmt.Errorf("%w: a place without a folder", ErrInvalid)
	}
	return nil
}

// isID reports whether text is an id of a memory.
func isID(text string) bool {
	id, err := uuid.Parse(text)
	return err == nil && id.String() == text && id != uuid.Nil
}

// Load reads the identity of the memory in dataDir. An absent one is the zero
// Identity and no error; one that can't be read, or is not valid, is an error.
func Load(dataDir string) (Identity, error) {
	path := filepath.Join(dataDir, Dir, File)
	data, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, nil
	}
	if err != nil {
		return Identity{}, fmt.Errorf("read memory identity: %w", err)
	}
	identity, err := parse(data)
	if err != nil {
		return Identity{}, fmt.Errorf("read memory identity %s: %w", path, err)
	}
	return identity, nil
}

func parse(data []byte) (Identity, error) {
	var i Identity
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&i); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Identity{}, fmt.Errorf("%w: more than one value", ErrInvalid)
	}
	if err := i.check(); err != nil {
		return Identity{}, err
	}
	return i, nil
}

// New returns an id that no memory has.
func New() string { return uuid.NewString() }

// Forget removes an identity that no bundle bears: it is the one named, and no sequence
// was given. The caller holds the memory alone.
func Forget(dataDir, memoryID string) error {
	i, err := Load(dataDir)
	if err != nil || i.IsZero() || i.MemoryID != memoryID || i.LastSequence > 0 {
		return err
	}
	return errors.Join(os.Remove(filepath.Join(dataDir, Dir, File)), os.Remove(filepath.Join(dataDir, Dir, lockFile)))
}

// spent is where there are hardly any sequences left. Nobody has counted so far: such
// a number was taken over from a bundle that only claims it, and is not counted on from.
const spent = math.MaxInt64 - 1<<32

// NextSequence gives the next bundle its sequence: higher than every one given
// before and than seen, the highest that the caller knows of. It is on disk when
// it returns. ErrNone when the memory has no identity.
func NextSequence(ctx context.Context, dataDir string, seen int64) (int64, error) {
	i, err := change(ctx, dataDir, func(i Identity) (Identity, error) {
		if i.IsZero() {
			return i, ErrNone
		}
		return i.next(seen)
	})
	return i.LastSequence, err
}

// ForeseeSequence says what NextSequence would give, and gives nothing. A memory
// without an identity is taken for a new one.
func ForeseeSequence(dataDir string, seen int64) (int64, error) {
	i, err := Load(dataDir)
	if err != nil {
		return 0, err
	}
	i, err = i.next(seen)
	return i.LastSequence, err
}

func (i Identity) next(seen int64) (Identity, error) {
	last := max(i.LastSequence, seen)
	if last >= spent {
		last = seen
	}
	if last >= spent {
		return i, fmt.Errorf("%w: no sequence is left", ErrInvalid)
	}
	i.LastSequence = last + 1
	return i, nil
}

// change loads the identity, lets edit change it, and writes it when it did,
// alone among all processes. On an error nothing has changed.
func change(ctx context.Context, dataDir string, edit func(Identity) (Identity, error)) (changed Identity, err error) {
	unlock, err := lock(ctx, dataDir)
	if err != nil {
		return Identity{}, fmt.Errorf("lock memory identity: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	before, err := Load(dataDir)
	if err != nil {
		return Identity{}, err
	}
	after, err := edit(before)
	if err == nil {
		err = after.check()
	}
	if err != nil {
		return Identity{}, fmt.Errorf("change memory identity: %w", err)
	}
	if after.Equal(before) {
		return before, nil
	}
	return after, write(dataDir, after)
}

func write(dataDir string, i Identity) error {
	data, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("marshal memory identity: %w", err)
	}
	return atomicfile.WriteFile(filepath.Join(dataDir, Dir, File), append(data, '\n'), 0o644)
}

// lockPoll is how often a lock that another process holds for its few
// milliseconds is tried again.
const lockPoll = 5 * time.Millisecond

// lock makes the folder, but never the data dir itself, and locks it.
func lock(ctx context.Context, dataDir string) (unlock func() error, err error) {
	dir := filepath.Join(dataDir, Dir)
	if err := os.Mkdir(dir, 0o755); err == nil {
		if err := atomicfile.SyncDir(dataDir); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	l := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o644))
	if _, err := l.TryLockContext(ctx, lockPoll); err != nil {
		return nil, err
	}
	return l.Unlock, nil
}

// readSmall reads a file of at most 64 KiB.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const limit = 64 << 10
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("%w: %s has more than %d bytes", ErrInvalid, path, limit)
	}
	return data, err
}
