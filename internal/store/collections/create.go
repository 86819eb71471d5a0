package collections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keepsake/internal/atomicfile"
	"keepsake/internal/store/sqlitefile"
)

// Create makes an empty collections file, readable by its owner alone, and the
// folders above it. fs.ErrExist when something is at path already; nothing is
// changed then.
func Create(ctx context.Context, path string) error {
	if path == "" {
		return errors.New("create collections file: no path is given")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("create collections file: %w", err)
	}
	dir := filepath.Dir(path)
	if err := atomicfile.MkdirAll(atomicfile.System{}, dir, 0o700); err != nil {
		return fmt.Errorf("create collections file: %w", err)
	}
	// Made beside and renamed, so that no half-made file is ever found at path,
	// and without replacing, so that of two creators one wins.
	temp, err := os.CreateTemp(dir, ".collections-*")
	if err != nil {
		return fmt.Errorf("create collections file: %w", err)
	}
	defer removeTemp(temp.Name())
	if err := temp.Close(); err != nil {
		return fmt.Errorf("create collections file: %w", err)
	}
	if err := build(ctx, temp.Name()); err != nil {
		return fmt.Errorf("create collections file %s: %w", path, err)
	}
	if err := atomicfile.RenameNoReplace(temp.Name(), path); err != nil {
		return fmt.Errorf("create collections file: %w", err)
	}
	if err := atomicfile.SyncDir(dir); err != nil {
		return fmt.Errorf("create collections file: %w", err)
	}
	return nil
}

// ensure makes the file when it is absent and does not mind losing that race.
func ensure(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // what it is, openFile will say
	}
	if err := Create(ctx, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// build fills an empty file with the marks and the tables of the format.
func build(ctx context.Context, path string) (err error) {
	conn, err := open(ctx, path, sqlitefile.ReadWrite, writing, time.Second)
	if err != nil {
		return explain(err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	for _, statement := range []string{
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", formatVersion),
		schemaStatement,
		"PRAGMA journal_mode = WAL",
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			return explain(err)
		}
	}
	return nil
}

// removeTemp takes away the temporary name and whatever SQLite left beside it.
func removeTemp(path string) { sqlitefile.Remove(path) }
