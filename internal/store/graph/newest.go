package graph

import (
	"context"
	"database/sql"
	"math"
	"strconv"
	"time"

	"keepsake/internal/record"
)

// timeFields are the properties by which Neo.mjs dates nodes and edges: text of
// ISO 8601, or milliseconds since 1970.
var timeFields = [...]string{"timestamp", "updatedAt", "createdAt"}

// perRow is about what a record takes beside its data.
const perRow = len(`{"type":"node","data":}`) + 1

// measure adds up what the live rows take as records, and finds the newest.
func (c *comparison) measure(ctx context.Context) error {
	var m measurer
	for _, edge := range []bool{false, true} {
		if err := m.table(ctx, c.conn, "SELECT data FROM live."+tableName(edge)); err != nil {
			return err
		}
	}
	c.found.Bytes, c.found.Newest = m.bytes, m.newest
	return nil
}

// measurer looks at the column data of many rows.
type measurer struct {
	bytes  int64
	newest time.Time
	text   []byte // scratch
}

func (m *measurer) table(ctx context.Context, conn *sql.Conn, query string) error {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	var data sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&data); err != nil {
			return err
		}
		m.bytes += int64(len(data) + perRow)
		m.row(data)
	}
	return rows.Err()
}

// row takes notice of the times in data, which may be any text.
func (m *measurer) row(data []byte) {
	if record.Valid(data) != nil {
		return
	}
	span, ok := record.Lookup(data, "properties")
	if !ok {
		return
	}
	properties := span.Of(data)
	for _, field := range timeFields {
		if span, ok := record.Lookup(properties, field); ok {
			m.value(span.Of(properties))
		}
	}
}

// value takes notice of a time, if the JSON value is one.
func (m *measurer) value(value []byte) {
	var at time.Time
	if value[0] != '"' {
		ms, err := strconv.ParseFloat(string(value), 64)
		if err != nil || ms <= 0 || ms > math.MaxInt64/2 {
			return
		}
		at = time.UnixMilli(int64(ms))
	} else {
		var err error
		if m.text, err = record.AppendUnquoted(m.text[:0], value); err != nil {
			return
		}
		if at, err = parseTime(string(m.text)); err != nil {
			return
		}
	}
	if at.After(m.newest) {
		m.newest = at.UTC()
	}
}

// parseTime reads ISO 8601 as JavaScript writes it, and as a date alone or
// without a zone, which is UTC then.
func parseTime(text string) (at time.Time, err error) {
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if at, err = time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, err
}
