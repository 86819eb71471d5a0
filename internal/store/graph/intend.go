package graph

import (
	"context"
	"database/sql"
	"slices"
)

// mean says which rows are about to be inserted: those that the graph was just seen
// to lack, in ascending order.
func (in *inserter) mean(ctx context.Context, absent []int64) error {
	if in.opts.Intend == nil {
		return nil
	}
	in.means.Reset()
	var n int64
	var id, digest sql.RawBytes
	err := in.conn.Each(ctx, []any{&n, &id, &digest}, func() error {
		if _, found := slices.BinarySearch(absent, n); found {
			in.means.Add(id, [32]byte(digest), 0)
		}
		return nil
	}, "SELECT seq, id, digest FROM main."+in.s.table()+" WHERE seq BETWEEN ? AND ? ORDER BY seq", absent[0], absent[len(absent)-1])
	if err != nil {
		return staging(err)
	}
	return in.means.Tell(in.opts.Intend)
}
