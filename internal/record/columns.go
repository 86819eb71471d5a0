package record

import "bytes"

// The columns of a graph row in the database, in the order in which "columns"
// lists them. A node has the first two.
const (
	idColumn = iota
	userColumn
	sourceColumn
	targetColumn
	typeColumn
	edgeColumns
	nodeColumns = userColumn + 1
)

func columnName(column int) string {
	return [edgeColumns]string{"id", "user_id", "source", "target", "type"}[column]
}

// columnOf returns the column of that name, -1 when there is none.
func columnOf(name []byte) int {
	for column := range edgeColumns {
		if string(name) == columnName(column) {
			return column
		}
	}
	return -1
}

// columns are what the columns of a graph row hold; nil is NULL.
type columns struct {
	of    [edgeColumns][]byte
	label []byte
}

// imply reads what the object at i, valid JSON, implies. Of equal keys the last
// counts, as in JavaScript; values that are no strings imply nothing. Strings
// with escapes are decoded behind dst.
func (c *columns) imply(dst []byte, r *reader, i int) []byte {
	var owner []byte
	_, _ = r.members(i, 1, func(key token, at int) (int, error) {
		var scratch [32]byte
		name := key.name(r.b, scratch[:0])
		column := columnOf(name)
		switch {
		case column >= 0:
			dst, c.of[column] = r.text(dst, at)
		case string(name) == "label":
			dst, c.label = r.text(dst, at)
		case string(name) == "properties":
			owner = nil
			if user, ok := r.lookup(at, "userId"); ok {
				dst, owner = r.text(dst, user.Start)
			}
		}
		return r.value(at, 1)
	})
	if owner != nil {
		c.of[userColumn] = owner
	}
	return dst
}

// override reads the object "columns" at i, valid JSON.
func (c *columns) override(dst []byte, r *reader, i int, edge bool) ([]byte, error) {
	var seen [edgeColumns]bool
	_, err := r.members(i, 2, func(key token, at int) (int, error) {
		var scratch [32]byte
		column := columnOf(key.name(r.b, scratch[:0]))
		if column < 0 || column >= nodeColumns && !edge {
			return at, fail(key.Start, "unknown column "+string(key.Of(r.b)))
		}
		if seen[column] {
			return at, fail(key.Start, "duplicate column "+string(key.Of(r.b)))
		}
		seen[column] = true
		if dst, c.of[column] = r.text(dst, at); c.of[column] != nil {
			return r.value(at, 2)
		}
		if !r.null(at) || column == idColumn {
			return at, fail(at, "column "+columnName(column)+" is no text")
		}
		return at + len("null"), nil
	})
	return dst, err
}

// text returns what the string at i stands for, decoded behind dst when it has
// escapes; nil when there is no string, or one that is no UTF-8.
func (r *reader) text(dst []byte, i int) (grown, text []byte) {
	if r.at(i) != '"' {
		return dst, nil
	}
	strict := reader{b: r.b, strict: true}
	t, err := strict.str(i)
	if err != nil {
		return dst, nil
	}
	if !t.escaped {
		return dst, t.inner(r.b)
	}
	start := len(dst)
	dst = t.decode(dst, r.b)
	return dst, dst[start:len(dst):len(dst)]
}

// edgeID is the id of an edge whose data has none: source->target:type.
func (c *columns) edgeID(dst []byte) (grown, id []byte) {
	source, target, typ := c.of[sourceColumn], c.of[targetColumn], c.of[typeColumn]
	if source == nil || target == nil || typ == nil {
		return dst, nil
	}
	start := len(dst)
	dst = append(append(dst, source...), "->"...)
	dst = append(append(dst, target...), ':')
	dst = append(dst, typ...)
	return dst, dst[start:len(dst):len(dst)]
}

// check refuses a row that no database takes.
func (c *columns) check(edge bool) error {
	switch {
	case len(c.of[idColumn]) == 0:
		return fail(0, "id is empty")
	case edge && len(c.of[sourceColumn]) == 0:
		return fail(0, "edge without a source")
	case edge && len(c.of[targetColumn]) == 0:
		return fail(0, "edge without a target")
	}
	return nil
}

// same reports whether two columns are equal; NULL equals only NULL.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
