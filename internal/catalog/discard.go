package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keepsake/internal/atomicfile"
	"keepsake/internal/bundle"
	"keepsake/internal/guard"
)

// ErrPinned says that a bundle is pinned, and stays.
var ErrPinned = errors.New("bundle is pinned")

// Target is a bundle of the backup root, as guard.Request takes it.
func Target(ctx context.Context, root, name string) guard.Target {
	return guard.BundleTarget(ctx, filepath.Join(root, name))
}

// Discard removes a bundle of a backup root, with a permit for guard.Prune of the
// Target. It is renamed first, so that no half-deleted bundle ever
// bears a bundle's name. What a crash or an error leaves after that is trash, for
// RemoveTrash; before it the bundle is as it was. ErrPinned for one that was
// pinned meanwhile, ErrNotes when that can't be known. The notes go too. The
// caller holds the backup root's lock. A nil fsys is the real one.
func Discard(ctx context.Context, root, name string, permit guard.Permit, fsys atomicfile.FS) error {
	fsys = cmp.Or[atomicfile.FS](fsys, atomicfile.System{})
	trash, err := toTrash(ctx, root, name, permit, fsys)
	if err != nil {
		return fmt.Errorf("discard %s: %w", name, err)
	}
	if err := deleteTrash(ctx, trash, fsys); err != nil {
		return fmt.Errorf("discard %s: it is gone, and what is left of it is in %s: %w", name, filepath.Base(trash), err)
	}
	return nil
}

// toTrash renames a bundle, and returns its new path. Nobody pins it meanwhile.
func toTrash(ctx context.Context, root, name string, permit guard.Permit, fsys atomicfile.FS) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	if _, err := bundle.ParseName(name); err != nil {
		return "", err
	}
	path := filepath.Join(root, name)
	trash := filepath.Join(root, bundle.TempName(bundle.TrashPrefix, strings.TrimPrefix(name, bundle.Prefix)))
	return trash, withNotesLocked(root, func() error {
		if err := mayGo(ctx, root, name); err != nil {
			return err
		}
		if err := permit.Covers(guard.Prune, guard.BundleTarget(ctx, path).Locator()); err != nil {
			return err
		}
		return fsys.RenameNoReplace(path, trash)
	})
}

// mayGo refuses a bundle that was pinned since it was decided on.
func mayGo(ctx context.Context, root, name string) error {
	notes, err := LoadNotes(root, name)
	switch {
	case err != nil:
		return err
	case notes.Pinned != nil:
		return ErrPinned
	}
	return ctx.Err()
}

// deleteTrash deletes what was renamed. The root is synced first: a rename that
// doesn't survive a crash would give a half-deleted bundle its name back. The
// folder itself goes last, so that as long as anything is left, the notes among
// it, a later run finds it.
func deleteTrash(ctx context.Context, trash string, fsys atomicfile.FS) error {
	root := filepath.Dir(trash)
	if err := fsys.SyncDir(root); err != nil {
		return err
	}
	entries, err := os.ReadDir(trash)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fsys.RemoveAll(filepath.Join(trash, e.Name())); err != nil {
			return err
		}
	}
	if err := removeNotes(root, trashed(filepath.Base(trash)), fsys); err != nil {
		return err
	}
	if err := fsys.RemoveAll(trash); err != nil {
		return err
	}
	return fsys.SyncDir(root)
}

// removeNotes removes the notes of a bundle that isn't there any more.
func removeNotes(root, name string, fsys atomicfile.FS) error {
	_, err := os.Lstat(filepath.Join(root, name))
	if !errors.Is(err, fs.ErrNotExist) {
		return err // somebody put it back: the notes are its own
	}
	return errors.Join(fsys.RemoveAll(filepath.Join(root, notesName(name))), fsys.RemoveAll(indexDir(root, name)))
}

// trashed returns the name of the bundle that a trash folder was, "" for a name
// that Discard doesn't make.
func trashed(trash string) string {
	timestamp, ok := bundle.ParseTempName(bundle.TrashPrefix, trash)
	if !ok {
		return ""
	}
	return bundle.Prefix + timestamp
}

// TrashOptions say where to look for what was being deleted.
type TrashOptions struct {
	Root string
	FS   atomicfile.FS // nil is the real one
	// Permit asks the guard for leave to delete one folder.
	Permit func(context.Context, guard.Target) (guard.Permit, error)
}

// RemoveTrash deletes what runs that ended meanwhile renamed and did not get to
// delete, and returns the names. One that can't be deleted doesn't keep it from
// the others. The caller holds the backup root's lock: nobody else deletes now.
func RemoveTrash(ctx context.Context, opts TrashOptions) ([]string, error) {
	root, err := filepath.Abs(opts.Root)
	if err != nil {
		return nil, fmt.Errorf("list trash: %w", err)
	}
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list trash: %w", err)
	}
	var removed []string
	var failed []error
	for _, e := range entries {
		if !e.IsDir() || trashed(e.Name()) == "" {
			continue
		}
		if err := removeTrash(ctx, filepath.Join(root, e.Name()), opts); err != nil {
			failed = append(failed, fmt.Errorf("remove trash %s: %w", e.Name(), err))
			continue
		}
		removed = append(removed, e.Name())
	}
	return removed, errors.Join(failed...)
}

func removeTrash(ctx context.Context, path string, opts TrashOptions) error {
	target := guard.BundleTarget(ctx, path)
	permit, err := opts.Permit(ctx, target)
	if err != nil {
		return err
	}
	if err := permit.Covers(guard.Prune, target.Locator()); err != nil {
		return err
	}
	return deleteTrash(ctx, path, cmp.Or[atomicfile.FS](opts.FS, atomicfile.System{}))
}
