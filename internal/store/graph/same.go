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
	mine, theirs []byte
}

// same compares a row that was staged with the target's: column by column and,
// where they are written differently, by the digests of both as records.
func (c *comparer) same(edge bool, row, there *dbRow) (bool, error) {
	user := c.tables.hasUser(edge)
	if bytes.Equal(row.data, there.data) && sameColumns(edge, user, row, there) {
		return true, nil
	}
	line, err := there.appendTo(c.theirs[:0], &c.scanner, edge, user)
	if err != nil {
		return false, nil // a row that no record can hold
	}
	c.theirs = line
	if c.mine, err = row.appendTo(c.mine[:0], &c.scanner, edge, user); err != nil {
		return false, err
	}
	return c.scanner.LineDigest(c.theirs) == c.scanner.LineDigest(c.mine), nil
}

// sameColumns compares the columns beside data; NULL equals only NULL.
func sameColumns(edge, user bool, a, b *dbRow) bool {
	if user && !sameText(a.user, b.user) {
		return false
	}
	return !edge || sameText(a.source, b.source) && sameText(a.target, b.target) && sameText(a.typ, b.typ)
}

func sameText(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
