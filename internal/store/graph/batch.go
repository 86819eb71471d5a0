package graph

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"keepsake/internal/store/sqlitefile"
)

// batch inserts rows into a staging table, several with each statement, which
// takes two thirds of the time.
type batch struct {
	many, one *sql.Stmt
	width     int // columns of a row
	args      []any
}

const batchRows = 16

func (s *stage) prepare(ctx context.Context, conn *sqlitefile.Conn) (err error) {
	columns := "(id, user_id, data, digest)"
	row := "(?,?,?,?)"
	if s.edge {
		columns, row = "(id, user_id, data, digest, source, target, type)", "(?,?,?,?,?,?,?)"
	}
	s.batch = &batch{width: strings.Count(row, "?")}
	insert := "INSERT INTO main." + s.table() + columns + " VALUES "
	if s.batch.one, err = conn.PrepareContext(ctx, insert+row); err != nil {
		return err
	}
	s.batch.many, err = conn.PrepareContext(ctx, insert+strings.Repeat(row+",", batchRows-1)+row)
	return err
}

func (b *batch) append(columns ...any) { b.args = append(b.args, columns...) }

// added is called when a row's arguments have been appended.
func (b *batch) added() error {
	if len(b.args) < b.width*batchRows {
		return nil
	}
	return b.exec(b.many, b.args)
}

func (b *batch) exec(stmt *sql.Stmt, args []any) error {
	// Who calls it looks at the context; one that can end costs a goroutine each.
	if _, err := stmt.ExecContext(context.Background(), args...); err != nil {
		return staging(err)
	}
	b.args = b.args[:0]
	return nil
}

// close inserts what is left, if flush, and ends the statements.
func (b *batch) close(flush bool) (err error) {
	if b == nil {
		return nil
	}
	for rest := b.args; flush && err == nil && len(rest) > 0; rest = rest[b.width:] {
		err = b.exec(b.one, rest[:b.width])
	}
	for _, stmt := range []*sql.Stmt{b.one, b.many} {
		if stmt != nil {
			err = errors.Join(err, stmt.Close())
		}
	}
	return err
}
