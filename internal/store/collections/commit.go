package collections

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"

	"keepsake/internal/atomicfile"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Commit implements store.Staged, with one immediate transaction: the live rows
// are compared with safety, the old collection is deleted, and the shadow gets
// its name. Readers that are under way see the old one to their end. In place,
// the collection keeps its id; else it has a new one.
func (g *staged) Commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	if !g.done {
		if err := g.commit(ctx, permit, safety); err != nil {
			return store.Committed{}, fmt.Errorf("replace %s: %w", g.spec.Name, explain(err))
		}
		g.done = true
	}
	return store.Committed{Rows: g.rows}, nil
}

func (g *staged) commit(ctx context.Context, permit guard.Permit, safety iter.Seq2[memory.Record, error]) error {
	if !g.swapped {
		f, err := openFile(ctx, g.home, writing, g.store.config.BusyTimeout)
		if err != nil {
			return err
		}
		x := &exchange{staged: g, file: f, permit: permit, safety: safety}
		err = x.run(ctx)
		g.swapped = err == nil
		if err := errors.Join(err, f.close()); err != nil {
			return err
		}
	}
	if !g.anew {
		return nil
	}
	return g.publish(permit)
}

// publish gives a file that was staged beside its place its name.
func (g *staged) publish(permit guard.Permit) error {
	if err := permit.Covers(g.opts.Operation, g.store.locator(g.name, "")); err != nil {
		return err
	}
	err := atomicfile.RenameNoReplace(g.home, g.path)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: there is a file now", store.ErrMoved)
	}
	if err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(g.path))
}

// exchange is one commit.
type exchange struct {
	*staged
	file   *file
	permit guard.Permit
	safety iter.Seq2[memory.Record, error]
}

// run compares first without the lock, for that can take a while. When nobody has
// written since, by SQLite's own count, it need not be done again with it.
func (x *exchange) run(ctx context.Context) error {
	before, err := x.version(ctx)
	if err != nil {
		return err
	}
	if err := x.file.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	_, looked := x.look(ctx)
	if err := x.file.exec(context.WithoutCancel(ctx), "ROLLBACK"); err != nil {
		return err
	}
	if looked != nil && !errors.Is(looked, store.ErrMoved) {
		return looked
	}
	return x.file.immediately(ctx, func(ctx context.Context) error {
		now, err := x.version(ctx)
		if err != nil {
			return err
		}
		if now == before && looked == nil {
			x.safety = nil // it was compared
		}
		live, err := x.look(ctx)
		if err != nil {
			return x.unlessAlike(ctx, live, err)
		}
		return x.swap(ctx, live)
	})
}

// version changes whenever another connection has written to the file
// (sqlite.org/pragma.html#pragma_data_version).
func (x *exchange) version(ctx context.Context) (n int64, err error) {
	err = x.file.conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&n)
	return n, err
}

// look finds the live collection, the zero entry when there is none, asks for
// leave and compares it with the safety copy.
func (x *exchange) look(ctx context.Context) (entry, error) {
	live, err := x.file.find(ctx, x.name)
	if err != nil && !errors.Is(err, store.ErrAbsent) {
		return live, err
	}
	if err := x.permit.Covers(x.opts.Operation, x.store.locator(x.name, live.collection.ID)); err != nil {
		return live, err
	}
	if x.safety == nil {
		return live, nil
	}
	c := &copied{reader: reader{section: x.spec.Name, conn: x.file.conn, entry: live, now: x.store.config.Now}}
	return live, c.compare(ctx, x.safety)
}

// swap puts the shadow in the place of the live collection.
func (x *exchange) swap(ctx context.Context, live entry) error {
	shadow, err := x.find(ctx, x.file)
	if err != nil {
		return errors.Join(store.ErrStaged, err)
	}
	if shadow.rows != x.rows {
		return fmt.Errorf("%w: it has %d rows, not %d", store.ErrStaged, shadow.rows, x.rows)
	}
	id := shadow.collection.ID
	if live.number != 0 {
		if x.opts.InPlace {
			id = live.collection.ID
		}
		if err := x.file.remove(ctx, live); err != nil {
			return err
		}
	}
	_, err = x.file.conn.ExecContext(ctx, `UPDATE collections SET id = ?, name = ?, metadata = ? WHERE number = ?`,
		id, x.name, toText(x.collection().Metadata), shadow.number)
	return err
}

// unlessAlike drops the shadow when the live collection is what it is to become:
// an earlier run committed, and had no time to say so.
func (x *exchange) unlessAlike(ctx context.Context, live entry, moved error) error {
	if !errors.Is(moved, store.ErrMoved) || live.rows != x.rows {
		return moved
	}
	shadow, err := x.find(ctx, x.file)
	if err != nil {
		return errors.Join(moved, err)
	}
	const alike = `SELECT count(*) FROM records AS a JOIN records AS b ON b.collection = ? AND b.id = a.id
WHERE a.collection = ? AND a.embedding = b.embedding AND a.metadata IS b.metadata AND a.document IS b.document`
	var rows int64
	if err := x.file.conn.QueryRowContext(ctx, alike, live.number, shadow.number).Scan(&rows); err != nil {
		return err
	}
	if rows != x.rows || shadow.rows != x.rows {
		return moved
	}
	return x.file.remove(ctx, shadow)
}

// remove deletes a collection and its rows.
func (f *file) remove(ctx context.Context, e entry) error {
	for _, statement := range []string{
		`DELETE FROM records WHERE collection = ?`, `DELETE FROM collections WHERE number = ?`,
	} {
		if _, err := f.conn.ExecContext(ctx, statement, e.number); err != nil {
			return fmt.Errorf("delete collection %q: %w", e.collection.Name, err)
		}
	}
	return nil
}

// immediately runs do in a write transaction, which an error from it takes back.
func (f *file) immediately(ctx context.Context, do func(context.Context) error) (err error) {
	if err := f.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	// What has begun ends: an interrupted statement would leave open what it did.
	background := context.WithoutCancel(ctx)
	if err := do(ctx); err != nil {
		return errors.Join(err, f.exec(background, "ROLLBACK"))
	}
	return f.exec(background, "COMMIT")
}
