package collections

import (
	"context"
	"database/sql"
	"errors"

	"keepsake/internal/store"
)

const liveQuery = `SELECT number, id, embedding, metadata, document FROM records WHERE collection = ? AND id = ?`

// finder finds live rows by the ids of records.
type finder struct {
	collection int64
	lookup     *sql.Stmt
	number     int64
	live       row
	dest       []any
}

func newFinder(ctx context.Context, f *file, e entry) (*finder, error) {
	lookup, err := f.conn.PrepareContext(context.WithoutCancel(ctx), liveQuery)
	if err != nil {
		return nil, err
	}
	x := &finder{collection: e.number, lookup: lookup}
	x.dest = append([]any{&x.number}, x.live.dest()...)
	return x, nil
}

func (x *finder) close() error { return x.lookup.Close() }

// judge compares the parsed record with the live row of its id: Same, Differs,
// or Removed when there is none. The row's number is x.number then.
func (x *finder) judge(ctx context.Context, in *incoming) (outcome store.Outcome, reason string, err error) {
	rows, err := x.lookup.QueryContext(context.WithoutCancel(ctx), x.collection, string(in.vector.Key))
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		return store.Removed, "", rows.Err()
	}
	if err := rows.Scan(x.dest...); err != nil {
		return "", "", err
	}
	outcome, err = in.compare(&x.live)
	if outcome == store.Missing { // it can't be read back, and so is no other's like
		return store.Differs, "the live row cannot be read: " + err.Error(), nil
	}
	return outcome, "", err
}
