package graph

import (
	"bytes"

	"keepsake/internal/record"
)

// comparer tells whether two rows say the same. Its tables are the target's.
type comparer struct {
	tables  tables
	scanner record.Scanner
	// scratch
	mine, theirs, compact []byte
}

// same compares a row that was staged with the target's: column by column and,
// where they are written differently, by the digests of both as records.
func (c *comparer) same(edge bool, row, there *dbRow) (bool, error) {
	user := c.tables.hasUser(edge)
	if bytes.Equal(row.data, there.data) && sameColumns(edge, user, row, there) {
		return true, nil
	}
	line, err := c.plain(there).appendTo(c.theirs[:0], &c.scanner, edge, user)
	if err != nil {
		return false, nil // a row that no record can hold
	}
	c.theirs = line
	if c.mine, err = c.plain(row).appendTo(c.mine[:0], &c.scanner, edge, user); err != nil {
		return false, err
	}
	return c.scanner.LineDigest(c.theirs) == c.scanner.LineDigest(c.mine), nil
}

// plain is the row without white space around its object and between its members:
// that means nothing, and bundles of older versions lost some of it.
func (c *comparer) plain(row *dbRow) *dbRow {
	data := bytes.TrimLeft(row.data, " \t\r\n")
	if !bytes.HasPrefix(data, []byte("{")) {
		return row
	}
	compact, err := record.AppendCompact(c.compact[:0], data)
	if err != nil {
		return row
	}
	c.compact = compact
	plain := *row
	plain.data = compact
	return &plain
}

// sameColumns compares the columns beside data; NULL equals only NULL.
func sameColumns(edge, user bool, a, b *dbRow) bool {
	if user && !sameText(a.user, b.user) {
		return false
	}
	return !edge || sameText(a.source, b.source) && sameText(a.target, b.target) && sameText(a.typ, b.typ)
}

func sameText(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
