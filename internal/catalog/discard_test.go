package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepsake/internal/atomicfile/faulty"
	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/catalog"
	"keepsake/internal/guard"
)

// leave asks the guard, as retention would.
func leave(root string) func(context.Context, guard.Target) (guard.Permit, error) {
	return func(ctx context.Context, target guard.Target) (guard.Permit, error) {
		rules := guard.Rules{Now: time.Now, Audit: io.Discard, BackupRoot: root}
		return rules.AssertDestructiveTargetAllowed(ctx, guard.Request{Operation: guard.Prune, Target: target, Reason: "a test"})
	}
}

func permitFor(t *testing.T, path string) guard.Permit {
	t.Helper()
	permit, err := leave(filepath.Dir(path))(t.Context(), guard.BundleTarget(t.Context(), path))
	if err != nil {
		t.Fatal(err)
	}
	return permit
}

// withNotes is a shelf of two bundles, both with notes.
func withNotes(t *testing.T) (s *shelf, goes, stays string) {
	t.Helper()
	s = &shelf{t, t.TempDir()}
	goes, stays = s.put(day1, 1, nil).Path, s.put(day2, 2, nil).Path
	for _, path := range []string{goes, stays} {
		err := catalog.UpdateNotes(s.root, filepath.Base(path), func(n *catalog.Notes) { n.Add(catalog.Verification{Level: bundle.Full, OK: true}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	return s, goes, stays
}

func TestDiscard(t *testing.T) {
	s, goes, stays := withNotes(t)
	kept := bundletest.State(t, stays)
	if err := catalog.Discard(t.Context(), s.root, day1Name, permitFor(t, goes), nil); err != nil {
		t.Fatal(err)
	}
	want := []string{".notes-" + day2 + ".json", ".notes.lock", bundle.Prefix + day2}
	if got := bundletest.Names(t, s.root); !slices.Equal(got, want) {
		t.Errorf("root holds %v, want %v", got, want)
	}
	if got := bundletest.State(t, stays); got != kept {
		t.Error("the other bundle has changed")
	}
}

// Nothing is touched without a permit for just that bundle, as it is now.
func TestDiscardRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		bundle string // day1Name when ""
		permit func(t *testing.T, s *shelf, goes, stays string) guard.Permit
		want   error // any when nil
	}{
		{"NoPermit", "", func(*testing.T, *shelf, string, string) guard.Permit { return guard.Permit{} }, guard.ErrNotPermitted},
		{"OfAnotherBundle", "", func(t *testing.T, _ *shelf, _, stays string) guard.Permit { return permitFor(t, stays) }, guard.ErrNotPermitted},
		{"PutBackSince", "", func(t *testing.T, _ *shelf, goes, _ string) guard.Permit {
			permit := permitFor(t, goes)
			if err := errors.Join(os.Rename(goes, goes+"-old"), os.CopyFS(goes, os.DirFS(goes+"-old"))); err != nil {
				t.Fatal(err)
			}
			return permit
		}, guard.ErrTargetMoved},
		{"Pinned", "", func(t *testing.T, s *shelf, goes, _ string) guard.Permit {
			permit := permitFor(t, goes)
			update(t, s.root, func(n *catalog.Notes) { n.Pinned = &catalog.Pin{} })
			return permit
		}, catalog.ErrPinned},
		{"NotesUnreadable", "", func(t *testing.T, s *shelf, goes, _ string) guard.Permit {
			if err := os.WriteFile(filepath.Join(s.root, day1Notes), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
			return permitFor(t, goes)
		}, catalog.ErrNotes},
		{"Gone", bundle.Prefix + day3, func(t *testing.T, _ *shelf, goes, _ string) guard.Permit { return permitFor(t, goes) }, guard.ErrNotPermitted},
		{"NoBundlesName", "backup-2019", func(t *testing.T, s *shelf, goes, _ string) guard.Permit {
			if err := os.CopyFS(filepath.Join(s.root, "backup-2019"), os.DirFS(goes)); err != nil {
				t.Fatal(err)
			}
			return permitFor(t, goes)
		}, nil},
		{"Above", "../" + day1Name, func(t *testing.T, _ *shelf, goes, _ string) guard.Permit { return permitFor(t, goes) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, goes, stays := withNotes(t)
			permit := c.permit(t, s, goes, stays)
			before := bundletest.State(t, s.root)
			name := c.bundle
			if name == "" {
				name = day1Name
			}
			err := catalog.Discard(t.Context(), s.root, name, permit, nil)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if got := bundletest.State(t, s.root); got != before {
				t.Errorf("root holds %v", bundletest.Names(t, s.root))
			}
		})
	}
	t.Run("Interrupted", func(t *testing.T) {
		s, goes, _ := withNotes(t)
		permit, before := permitFor(t, goes), bundletest.State(t, s.root)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := catalog.Discard(ctx, s.root, day1Name, permit, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want canceled", err)
		}
		if got := bundletest.State(t, s.root); got != before {
			t.Errorf("root holds %v", bundletest.Names(t, s.root))
		}
	})
}

// The order of DESIGN.md: nothing is deleted before the rename is on disk, and the
// notes go last but for the folder that says that something is left.
func TestOrderOfDiscarding(t *testing.T) {
	s, goes, _ := withNotes(t)
	var log []string
	random := regexp.MustCompile(`-[A-Z2-7]{8}`)
	fsys := faulty.New(func(step faulty.Step) faulty.Fault {
		rel, err := filepath.Rel(s.root, step.Path)
		if err != nil {
			t.Error(err)
		}
		log = append(log, string(step.Op)+" "+random.ReplaceAllString(filepath.ToSlash(rel), ""))
		return faulty.Fault{}
	})
	if err := catalog.Discard(t.Context(), s.root, day1Name, permitFor(t, goes), fsys); err != nil {
		t.Fatal(err)
	}
	trash := bundle.TrashPrefix + day1
	want := []string{"rename without replacing " + trash, "sync directory ."}
	for _, name := range []string{bundle.SumsFile, bundle.MetaFile, "concepts", "graph", "index", "kb", "mailbox", "mc", "trajectories"} {
		want = append(want, "remove "+trash+"/"+name)
	}
	want = append(want, "remove "+day1Notes, "remove "+strings.TrimSuffix(day1Notes, ".json")+".index", "remove "+trash, "sync directory .")
	if !slices.Equal(log, want) {
		t.Errorf("steps are\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}
}

// Killed or failing at any step, a removal leaves the bundle as it was or trash,
// and the next run leaves nothing of it, its notes neither.
func TestDiscardFailsAtEveryStep(t *testing.T) {
	counting := faulty.New(nil)
	s, goes, _ := withNotes(t)
	if err := catalog.Discard(t.Context(), s.root, day1Name, permitFor(t, goes), counting); err != nil {
		t.Fatal(err)
	}
	after := bundletest.State(t, s.root)
	for k := 1; k <= counting.Steps(); k++ {
		for what, plan := range map[string]faulty.Plan{"killed": faulty.KillAt(k), "failing": faulty.At(k, faulty.Fault{Err: syscall.EIO})} {
			t.Run(fmt.Sprintf("%s at %d", what, k), func(t *testing.T) {
				s, goes, _ := withNotes(t)
				before := bundletest.State(t, s.root)
				err := catalog.Discard(t.Context(), s.root, day1Name, permitFor(t, goes), faulty.New(plan))
				if err == nil {
					t.Fatal("got no error")
				}
				if k == 1 {
					if got := bundletest.State(t, s.root); got != before {
						t.Errorf("root holds %v", bundletest.Names(t, s.root))
					}
					return
				}
				if c := s.list(); len(c.Bundles) != 1 || len(c.Trash) > 1 {
					t.Errorf("bundles %v, trash %v, want one and one at the most", entryNames(c.Bundles), c.Trash)
				}
				if _, err := catalog.RemoveTrash(t.Context(), catalog.TrashOptions{Root: s.root, Permit: leave(s.root)}); err != nil {
					t.Error(err)
				}
				if got := bundletest.State(t, s.root); got != after {
					t.Errorf("the next run left %v", bundletest.Names(t, s.root))
				}
			})
		}
	}
}

// Trash is deleted under a permit, one folder after the other, and only what is
// named as we name it.
func TestRemoveTrash(t *testing.T) {
	root := t.TempDir()
	trash := func(random string) string {
		name := bundle.TrashPrefix + day1 + "-" + random
		if err := os.MkdirAll(filepath.Join(root, name, "kb"), 0o700); err != nil {
			t.Fatal(err)
		}
		return name
	}
	first, second, third := trash("AAAAAAAA"), trash("BBBBBBBB"), trash("CCCCCCCC")
	foreign := []string{
		bundle.TrashPrefix, bundle.TrashPrefix + "x", bundle.TrashPrefix + day1, bundle.TrashPrefix + day1 + "-ABC",
		bundle.TrashPrefix + "2026-13-01T00-00-00.000Z-ABCDEFGH", "trash",
	}
	for _, name := range foreign {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	asked, refusal := []string{}, errors.New("no leave")
	got, err := catalog.RemoveTrash(t.Context(), catalog.TrashOptions{Root: root, Permit: func(ctx context.Context, target guard.Target) (guard.Permit, error) {
		asked = append(asked, filepath.Base(target.Locator().Path))
		switch len(asked) {
		case 1:
			return guard.Permit{}, refusal
		case 2:
			return guard.Permit{}, nil // leave that covers nothing
		}
		return leave(root)(ctx, target)
	}})
	if !errors.Is(err, refusal) || !errors.Is(err, guard.ErrNotPermitted) {
		t.Errorf("got %v, want both refusals", err)
	}
	if want := []string{third}; !slices.Equal(got, want) {
		t.Errorf("removed %v, want %v", got, want)
	}
	if want := []string{first, second, third}; !slices.Equal(asked, want) {
		t.Errorf("asked about %v, want %v", asked, want)
	}
	want := append([]string{first, second}, foreign...)
	slices.Sort(want)
	if got := bundletest.Names(t, root); !slices.Equal(got, want) {
		t.Errorf("root holds %v, want %v", got, want)
	}
	t.Run("NoRoot", func(t *testing.T) {
		if got, err := catalog.RemoveTrash(t.Context(), catalog.TrashOptions{Root: filepath.Join(root, "none")}); got != nil || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// Trash of a bundle that somebody put back takes no notes with it.
func TestRemoveTrashLeavesNotesOfABundleThatIsThere(t *testing.T) {
	s, _, _ := withNotes(t)
	if err := os.Mkdir(filepath.Join(s.root, bundle.TrashPrefix+day1+"-ABCDEFGH"), 0o700); err != nil {
		t.Fatal(err)
	}
	got, err := catalog.RemoveTrash(t.Context(), catalog.TrashOptions{Root: s.root, Permit: leave(s.root)})
	if err != nil || len(got) != 1 {
		t.Errorf("removed %v, %v", got, err)
	}
	if n, err := catalog.LoadNotes(s.root, day1Name); err != nil || n.Last() == nil {
		t.Errorf("got %+v, %v, want the notes", n, err)
	}
}
