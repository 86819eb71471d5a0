package memoryid_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"keepsake/internal/memory"
	"keepsake/internal/memoryid"
)

const known = "0f8fad5b-d9cb-469f-a165-70867728950e"

var now = time.Date(2026, 11, 22, 22, 41, 33, 610_000_000, time.FixedZone("", 3600))

// keep puts content where the identity of the memory in the returned folder is.
func keep(t *testing.T, content string) string {
	t.Helper()
	dataDir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dataDir, memoryid.Dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path(dataDir), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dataDir
}

func path(dataDir string) string { return filepath.Join(dataDir, memoryid.Dir, memoryid.File) }

// create gives the memory an identity, as a first backup does.
func create(dataDir string, at time.Time) (memoryid.Identity, error) {
	here, err := memoryid.Here(dataDir, "m")
	if err != nil {
		return memoryid.Identity{}, err
	}
	s, err := memoryid.Settle(context.Background(), dataDir, here, nil, at)
	return s.Identity, err
}

// adopt restores a bundle of known that names the place of dataDir.
func adopt(dataDir, id string, sequence int64) (memoryid.Identity, error) {
	here, err := memoryid.Here(dataDir, "m")
	if err != nil {
		return memoryid.Identity{}, err
	}
	s, err := memoryid.Adopt(context.Background(), dataDir, here, memoryid.From{ID: id, Place: &here.Place, Sequence: sequence}, now)
	return s.Identity, err
}

func read(t *testing.T, dataDir string) string {
	t.Helper()
	data, err := os.ReadFile(path(dataDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

func stat(t *testing.T, dataDir string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path(dataDir))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestAbsentIsNoError(t *testing.T) {
	dataDir := t.TempDir()
	got, err := memoryid.Load(dataDir)
	if err != nil || !got.IsZero() {
		t.Errorf("got %+v, %v, want the zero identity", got, err)
	}
	if entries, err := os.ReadDir(dataDir); err != nil || len(entries) != 0 {
		t.Errorf("got %v, %v in the data dir, want nothing", entries, err)
	}
}

func TestCreate(t *testing.T) {
	dataDir := t.TempDir()
	made, err := create(dataDir, now)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := uuid.Parse(made.MemoryID); err != nil || id.Version() != 4 {
		t.Errorf("got id %q, want a UUID of version 4", made.MemoryID)
	}
	if !made.CreatedAt.Equal(now) || made.CreatedAt.Location() != time.UTC || made.LastSequence != 0 {
		t.Errorf("got %+v", made)
	}
	before := stat(t, dataDir)
	again, err := create(dataDir, now.Add(time.Hour))
	if err != nil || !reflect.DeepEqual(again, made) {
		t.Errorf("got %+v, %v the second time, want %+v", again, err, made)
	}
	if !os.SameFile(before, stat(t, dataDir)) {
		t.Error("got another file, though nothing had to be written")
	}
	loaded, err := memoryid.Load(dataDir)
	if err != nil || !reflect.DeepEqual(loaded, made) {
		t.Errorf("got %+v, %v, want %+v", loaded, err, made)
	}
	var raw map[string]any
	if err := json.Unmarshal([]byte(read(t, dataDir)), &raw); err != nil {
		t.Fatal(err)
	}
	if raw["memoryId"] != made.MemoryID || raw["createdAt"] != "2026-11-22T21:41:33.61Z" || raw["lastSequence"] != 0.0 || len(raw) != 4 {
		t.Errorf("got %v on disk", raw)
	}
}

func TestTwoAtOnceAgree(t *testing.T) {
	dataDir := t.TempDir()
	const many = 16
	var made [many]memoryid.Identity
	var errs [many]error
	together(many, func(i int) { made[i], errs[i] = create(dataDir, now) })
	for i := range many {
		if errs[i] != nil || !reflect.DeepEqual(made[i], made[0]) {
			t.Errorf("got %+v, %v, want %+v", made[i], errs[i], made[0])
		}
	}
}

func TestNextSequence(t *testing.T) {
	dataDir := t.TempDir()
	if _, err := create(dataDir, now); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ seen, want int64 }{{0, 1}, {0, 2}, {17, 18}, {3, 19}, {19, 20}, {-5, 21}} {
		got, err := memoryid.NextSequence(t.Context(), dataDir, step.seen)
		if err != nil || got != step.want {
			t.Errorf("seen %d: got %d, %v, want %d", step.seen, got, err, step.want)
		}
		loaded, err := memoryid.Load(dataDir)
		if err != nil || loaded.LastSequence != step.want {
			t.Errorf("got %d, %v on disk, want %d", loaded.LastSequence, err, step.want)
		}
	}
}

func TestNoSequenceIsGivenTwice(t *testing.T) {
	dataDir := t.TempDir()
	if _, err := create(dataDir, now); err != nil {
		t.Fatal(err)
	}
	const many = 16
	var given [many]int64
	var errs [many]error
	together(many, func(i int) { given[i], errs[i] = memoryid.NextSequence(t.Context(), dataDir, 0) })
	seen := map[int64]bool{}
	for i := range many {
		if errs[i] != nil || given[i] < 1 || given[i] > many || seen[given[i]] {
			t.Errorf("got %d, %v, want each from 1 to %d once", given[i], errs[i], many)
		}
		seen[given[i]] = true
	}
}

func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func TestAdopt(t *testing.T) {
	dataDir := t.TempDir()
	for _, step := range []struct {
		name           string
		sequence, want int64
	}{{"WithoutAnIdentity", 17, 17}, {"ItsOwnOlderBundle", 5, 17}, {"ItsOwnNewerBundle", 20, 20}} {
		t.Run(step.name, func(t *testing.T) {
			got, err := adopt(dataDir, known, step.sequence)
			if err != nil || got.MemoryID != known || got.LastSequence != step.want || !got.CreatedAt.Equal(now) {
				t.Errorf("got %+v, %v, want sequence %d", got, err, step.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	const valid = `{"memoryId":"` + known + `","createdAt":"2026-11-22T22:41:33Z","lastSequence":3}`
	invalid := []struct{ name, content string }{
		{"Empty", ""},
		{"NoJSON", "memory"},
		{"CutShort", valid[:40]},
		{"ListForObject", "[]"},
		{"Null", "null"},
		{"TwoValues", valid + valid},
		{"NoID", strings.Replace(valid, "memoryId", "id", 1)},
		{"IDIsNoUUID", strings.Replace(valid, known, "my-memory", 1)},
		{"IDInBraces", strings.Replace(valid, known, "{"+known+"}", 1)},
		{"IDUpperCase", strings.Replace(valid, known, strings.ToUpper(known), 1)},
		{"IDOfZeros", strings.Replace(valid, known, uuid.Nil.String(), 1)},
		{"NoCreatedAt", strings.Replace(valid, "createdAt", "made", 1)},
		{"CreatedAtIsNoTime", strings.Replace(valid, "2026-11-22T22:41:33Z", "yesterday", 1)},
		{"SequenceNegative", strings.Replace(valid, ":3", ":-3", 1)},
		{"SequenceIsHalf", strings.Replace(valid, ":3", ":3.5", 1)},
		{"SequenceTooBig", strings.Replace(valid, ":3", ":9223372036854775808", 1)},
		{"AlsoIsNoUUID", valid[:len(valid)-1] + `,"also":["mine"]}`},
		{"MaybeIsNoUUID", valid[:len(valid)-1] + `,"maybeSameAs":[""]}`},
		{"NotIsNoUUID", valid[:len(valid)-1] + `,"notSameAs":["x"]}`},
		{"ClonedFromIsNoUUID", valid[:len(valid)-1] + `,"clonedFrom":"x"}`},
		{"PlaceWithoutFolder", valid[:len(valid)-1] + `,"places":[{"machine":"m"}]}`},
		{"BeforeWithoutFolder", valid[:len(valid)-1] + `,"before":[{"until":3}]}`},
		{"TooLong", valid + strings.Repeat(" ", 64<<10)},
	}
	for _, c := range invalid {
		t.Run(c.name, func(t *testing.T) {
			dataDir := keep(t, c.content)
			refuses(t, dataDir, memoryid.ErrInvalid)
			if got := read(t, dataDir); got != c.content {
				t.Errorf("got %q on disk, want it as it was", got)
			}
		})
	}
	t.Run("AFolder", func(t *testing.T) {
		dataDir := t.TempDir()
		if err := os.MkdirAll(path(dataDir), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := memoryid.Load(dataDir); err == nil {
			t.Error("got no error")
		}
	})
}

// refuses checks that nothing can be done with the identity in dataDir.
func refuses(t *testing.T, dataDir string, want error) {
	t.Helper()
	_, load := memoryid.Load(dataDir)
	_, create := create(dataDir, now)
	_, adopt := adopt(dataDir, known, 1)
	_, next := memoryid.NextSequence(t.Context(), dataDir, 0)
	for name, got := range map[string]error{"load": load, "create": create, "adopt": adopt, "next": next} {
		if !errors.Is(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestChangeRefused(t *testing.T) {
	const content = `{"memoryId":"` + known + `","createdAt":"2026-11-22T22:41:33Z","lastSequence":9223372036854775807}`
	other := strings.Replace(known, "0f", "1f", 1)
	for _, c := range []struct {
		name, content string
		do            func(dataDir string) error
		want          error
	}{
		{"AdoptOther", content, func(d string) error { _, err := adopt(d, other, 1); return err }, memoryid.ErrOther},
		{"AdoptNoUUID", "", func(d string) error { _, err := adopt(d, "mine", 1); return err }, memoryid.ErrInvalid},
		{"AdoptNothing", "", func(d string) error { _, err := adopt(d, "", 1); return err }, memoryid.ErrInvalid},
		{"SequenceWithoutIdentity", "", func(d string) error { _, err := memoryid.NextSequence(t.Context(), d, 1); return err }, memoryid.ErrNone},
		{"SeenTooHigh", strings.Replace(content, "9223372036854775807", "1", 1), func(d string) error { _, err := memoryid.NextSequence(t.Context(), d, math.MaxInt64); return err }, memoryid.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			dataDir := t.TempDir()
			if c.content != "" {
				dataDir = keep(t, c.content)
			}
			if err := c.do(dataDir); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if got := read(t, dataDir); got != c.content {
				t.Errorf("got %q on disk, want %q", got, c.content)
			}
		})
	}
}

// A number that nobody can have counted to was taken over from a bundle that only
// claims it: it ends no backups.
func TestTrue_17_SpentSequenceIsCountedOnFromTheBundles(t *testing.T) {
	for _, last := range []string{"9223372036854775807", "9223372036854775000"} {
		dataDir := keep(t, `{"memoryId":"`+known+`","createdAt":"2026-11-22T22:41:33Z","lastSequence":`+last+`}`)
		for _, want := range []int64{42, 43} {
			if got, err := memoryid.NextSequence(t.Context(), dataDir, 41); err != nil || got != want {
				t.Errorf("last %s: got %d, %v, want %d", last, got, err, want)
			}
		}
	}
}

// A data dir that isn't there is a mistake, never made good.
func TestNoDataDir(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if _, err := create(gone, now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := os.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no data dir", err)
	}
}

func TestCancelledWhileLocked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dataDir := t.TempDir()
	if _, err := memoryid.Settle(ctx, dataDir, memoryid.Place{Place: memory.Place{DataDir: dataDir}}, nil, now); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if got := read(t, dataDir); got != "" {
		t.Errorf("got %q on disk, want nothing", got)
	}
}

// Nothing but the identity and its lock is left behind, so that a data dir that
// is copied carries no residue.
func TestNothingIsLeftBehind(t *testing.T) {
	dataDir := t.TempDir()
	if _, err := create(dataDir, now); err != nil {
		t.Fatal(err)
	}
	if _, err := memoryid.NextSequence(t.Context(), dataDir, 0); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dataDir, memoryid.Dir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got, want := strings.Join(names, " "), "memory.json memory.lock"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Only an identity that was given in vain is forgotten: the one named, without a number.
func TestForget(t *testing.T) {
	dataDir := t.TempDir()
	id, err := create(dataDir, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := memoryid.Forget(dataDir, known); err != nil || read(t, dataDir) == "" {
		t.Errorf("forgot another one: %v", err)
	}
	if n, err := memoryid.ForeseeSequence(dataDir, 7); n != 8 || err != nil {
		t.Errorf("foresees %d, %v, want 8", n, err)
	}
	used := t.TempDir()
	other, err := create(used, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := memoryid.NextSequence(t.Context(), used, 0); err != nil {
		t.Fatal(err)
	}
	if err := memoryid.Forget(used, other.MemoryID); err != nil || read(t, used) == "" {
		t.Errorf("forgot one that has given a number: %v", err)
	}
	if err := memoryid.Forget(dataDir, id.MemoryID); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(dataDir, memoryid.Dir)); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
