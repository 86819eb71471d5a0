package record

// Element is one graph row:
//
//	{"type":"node"|"edge","data":{…}|"raw":"…","columns":{…}}
//
// The byte slices are the columns of its database row: what "columns" says, else
// what data implies. nil is NULL.
type Element struct {
	Edge bool
	// Spans of the values in the line; of Data and Raw one is there.
	Data, Raw, Columns   Span
	ID, UserID           []byte
	Source, Target, Type []byte // of an edge
	// Label is data.label; nil when it is absent or no string.
	Label []byte
}

// Element scans one graph row. Unlike a vector's, its data may hold half
// surrogate pairs: JavaScript stores them, and they are kept.
func (s *Scanner) Element(line []byte) (*Element, error) {
	s.element = Element{}
	s.columns = s.columns[:0]
	e := &s.element
	r := reader{b: line}
	seen := fields(0)
	i, err := r.members(r.space(0), 1, func(key token, at int) (int, error) {
		return e.member(&r, key, at, &seen)
	})
	if err == nil {
		err = r.end(i)
	}
	if err == nil {
		err = s.completeElement(e, &r, seen)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// fields is a set of the keys of a row that were seen.
type fields uint8

const (
	typeField fields = 1 << iota
	dataField
	rawField
	columnsField
)

// add notes a key, and reports whether it was new.
func (f *fields) add(field fields) bool {
	isNew := *f&field == 0
	*f |= field
	return isNew
}

// member scans the value of one key of a row.
func (e *Element) member(r *reader, key token, at int, seen *fields) (end int, err error) {
	var scratch [32]byte
	var field fields
	switch string(key.name(r.b, scratch[:0])) {
	case "type":
		field = typeField
		end, err = e.kind(r, at)
	case "data":
		field = dataField
		end, err = objectAt(r, at)
		e.Data = Span{at, end}
	case "raw":
		field = rawField
		end, err = e.raw(r, at)
	case "columns":
		field = columnsField
		end, err = objectAt(r, at)
		e.Columns = Span{at, end}
	default:
		return at, fail(key.Start, "unknown key "+string(key.Of(r.b)))
	}
	if !seen.add(field) {
		return at, fail(key.Start, "duplicate key "+string(key.Of(r.b)))
	}
	return end, err
}

func objectAt(r *reader, at int) (int, error) {
	if r.at(at) != '{' {
		return at, r.unexpected(at, "an object")
	}
	return r.value(at, 1)
}

// kind scans the value of "type".
func (e *Element) kind(r *reader, at int) (int, error) {
	t, err := r.str(at)
	if err != nil {
		return at, err
	}
	var scratch [32]byte
	switch string(t.name(r.b, scratch[:0])) {
	case "node":
	case "edge":
		e.Edge = true
	default:
		return at, fail(at, `type is neither "node" nor "edge"`)
	}
	return t.End, nil
}

// raw scans the value of "raw", which has to stand for text.
func (e *Element) raw(r *reader, at int) (int, error) {
	strict := reader{b: r.b, strict: true}
	t, err := strict.str(at)
	e.Raw = t.Span
	return t.End, err
}

// completeElement checks a row whose members were scanned, and finds its columns.
func (s *Scanner) completeElement(e *Element, r *reader, seen fields) error {
	switch {
	case seen&typeField == 0:
		return fail(0, `missing key "type"`)
	case seen&(dataField|rawField) == 0:
		return fail(0, `missing key "data"`)
	case seen&(dataField|rawField) == dataField|rawField:
		return fail(e.Raw.Start, "both data and raw")
	}
	var c columns
	if !e.Data.Empty() {
		s.columns = c.imply(s.columns, r, e.Data.Start)
	}
	if !e.Columns.Empty() {
		var err error
		if s.columns, err = c.override(s.columns, r, e.Columns.Start, e.Edge); err != nil {
			return err
		}
	}
	if e.Edge && c.of[idColumn] == nil {
		s.columns, c.of[idColumn] = c.edgeID(s.columns)
	}
	e.ID, e.UserID, e.Label = c.of[idColumn], c.of[userColumn], c.label
	if e.Edge {
		e.Source, e.Target, e.Type = c.of[sourceColumn], c.of[targetColumn], c.of[typeColumn]
	}
	return c.check(e.Edge)
}
