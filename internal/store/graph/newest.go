package graph

import (
	"context"
	"database/sql"
	"time"

	"keepsake/internal/record"
	"keepsake/internal/store/sqlitefile"
)

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
}

func (m *measurer) table(ctx context.Context, conn *sqlitefile.Conn, query string) error {
	var data sql.RawBytes
	return conn.Each(ctx, []any{&data}, func() error {
		m.bytes += int64(len(data) + perRow)
		m.row(data)
		return nil
	}, query)
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
	for _, key := range record.TimeKeys() {
		span, _ := record.Lookup(properties, key)
		if at := record.Time(span.Of(properties)); at.After(m.newest) {
			m.newest = at
		}
	}
}
