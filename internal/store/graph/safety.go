package graph

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	mathbits "math/bits"

	"keepsake/internal/record"
	"keepsake/internal/store"
)

// sum is a digest of a set of rows, whatever their order: their number, and their
// digests added up as numbers of 256 bits.
type sum struct {
	rows  int64
	limbs [4]uint64
}

func (s *sum) add(d record.Digest) {
	s.rows++
	carry := uint64(0)
	for i := range s.limbs {
		s.limbs[i], carry = mathbits.Add64(s.limbs[i], binary.LittleEndian.Uint64(d[8*i:]), carry)
	}
}

// sighting is what a commit saw of the graph before it took the lock.
type sighting struct {
	// version is SQLite's number of the state that this connection saw: it is
	// another once any other connection has committed anything.
	version     int64
	differences differences
	raw         sum // of the bytes of the rows, and of where they are
	records     sum // of the rows as records
	unreadable  int64
}

// see looks at the graph in one transaction.
func (c *committer) see(ctx context.Context) (seen sighting, err error) {
	err = c.read(ctx, func() (err error) {
		if seen.version, err = c.version(ctx); err != nil {
			return err
		}
		if seen.differences, err = c.differ(ctx); err != nil || !seen.differences.any() {
			return err
		}
		return c.tally(ctx, &seen, c.safety != nil)
	})
	return seen, err
}

func (s *stager) version(ctx context.Context) (n int64, err error) {
	err = s.conn.QueryRowContext(ctx, "PRAGMA live.data_version").Scan(&n)
	return n, err
}

// confirm makes sure, under the lock, that what was seen holds. When any row was
// written since, in whatever way, a graph that has a safety copy has moved; one
// that has none is compared again.
func (c *committer) confirm(ctx context.Context, seen sighting) (differences, error) {
	version, err := c.version(ctx)
	if err != nil || version == seen.version {
		return seen.differences, err
	}
	var now sighting
	if err := c.tally(ctx, &now, false); err != nil || now.raw == seen.raw {
		return seen.differences, err
	}
	if c.safety != nil {
		return differences{}, fmt.Errorf("commit graph: %w: rows were written at this moment", store.ErrMoved)
	}
	return c.differ(ctx)
}

// tally sums up the live rows: their bytes and, when they are wanted, what they
// are as records.
func (s *stager) tally(ctx context.Context, seen *sighting, records bool) error {
	t := tallier{stager: s, seen: seen, records: records, hash: sha256.New()}
	for _, table := range s.stages() {
		if err := t.table(ctx, table); err != nil {
			return err
		}
	}
	return nil
}

// tallier sums up rows of the target.
type tallier struct {
	*stager
	seen    *sighting
	records bool
	hash    hash.Hash
	scanner record.Scanner
	line    []byte
}

func (t *tallier) table(ctx context.Context, table *stage) error {
	user := t.tables.hasUser(table.edge)
	var rowid int64
	var row dbRow
	return t.conn.Each(ctx, append([]any{&rowid}, row.fields(table.edge)...), func() error {
		t.seen.raw.add(t.bytes(table.edge, rowid, &row))
		if !t.records {
			return nil
		}
		line, err := row.appendTo(t.line[:0], &t.scanner, table.edge, user)
		if err != nil {
			t.seen.unreadable++
			return nil
		}
		t.line = line
		t.seen.records.add(t.scanner.LineDigest(line))
		return nil
	}, "SELECT rowid, "+rowColumns("", table.edge, user)+" FROM "+table.live())
}

// bytes is the digest of a row as it is written.
func (t *tallier) bytes(edge bool, rowid int64, row *dbRow) (d record.Digest) {
	t.line = append(t.line[:0], 'n')
	if edge {
		t.line[0] = 'e'
	}
	t.line = binary.LittleEndian.AppendUint64(t.line, uint64(rowid))
	for _, column := range [...][]byte{row.id, row.user, row.data, row.source, row.target, row.typ} {
		length := uint64(len(column))
		if column == nil {
			length = ^uint64(0)
		}
		t.line = append(binary.LittleEndian.AppendUint64(t.line, length), column...)
	}
	t.hash.Reset()
	t.hash.Write(t.line)
	t.hash.Sum(d[:0])
	return d
}

// compareSafety wants the rows that were seen to be those of the safety copy.
func (c *committer) compareSafety(ctx context.Context, seen sighting) error {
	if c.safety == nil {
		return nil
	}
	if seen.unreadable > 0 {
		return fmt.Errorf("commit graph: %w: it has %d rows that no copy can hold", store.ErrMoved, seen.unreadable)
	}
	kept, err := c.sumUp(ctx)
	if err != nil {
		return err
	}
	if kept != seen.records {
		return fmt.Errorf("commit graph: %w: it had %d rows then, and has %d", store.ErrMoved, kept.rows, seen.records.rows)
	}
	return nil
}

// sumUp sums up the records of the safety copy, each as the row that it stands
// for would be read.
func (c *committer) sumUp(ctx context.Context) (kept sum, err error) {
	var scanner record.Scanner
	var line []byte
	for rec, err := range c.safety {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return kept, err
		}
		e, err := c.scanner.Element(rec)
		if err != nil {
			return kept, fmt.Errorf("read safety copy: %w", err)
		}
		row, err := c.row(rec, e)
		if err != nil {
			return kept, fmt.Errorf("read safety copy: %w", err)
		}
		if line, err = row.appendTo(line[:0], &scanner, e.Edge, c.tables.hasUser(e.Edge)); err != nil {
			return kept, fmt.Errorf("read safety copy: %w", err)
		}
		kept.add(scanner.LineDigest(line))
	}
	return kept, nil
}
