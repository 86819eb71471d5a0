package chromadir

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// replay brings the tables of a copy up to the end of the queue, as a server does
// when it starts: after a crash they may lag behind. With an error that is an
// *operationError, all others are done.
func (d *database) replay(ctx context.Context, c *collection, position int64) error {
	r := replayer{database: d, segment: c.metadocs}
	var unknown *operationError
	for {
		op, err := d.next(ctx, c, position)
		if errors.Is(err, sql.ErrNoRows) {
			if unknown != nil {
				return unknown
			}
			return nil
		}
		if err == nil {
			err = r.apply(ctx, op)
		}
		if err != nil && !errors.As(err, &unknown) {
			return fmt.Errorf("replay the queue after %d: %w", position, err)
		}
		position = op.seq
	}
}

// operation is one row of the queue.
type operation struct {
	seq, code int64
	id        string
	metadata  sql.NullString
}

// next reads the operation after a position. One at a time, because rows that are
// open while others are written need not be what they were.
func (d *database) next(ctx context.Context, c *collection, position int64) (op operation, err error) {
	row := d.QueryRowContext(ctx, `SELECT seq_id, operation, id, metadata`+ofTopic+` LIMIT 1`, c.id, position)
	err = row.Scan(&op.seq, &op.code, &op.id, &op.metadata)
	return op, err
}

type replayer struct {
	*database
	segment string
}

// apply does what Chroma's sqlite_metadata.rs does with an operation.
func (r *replayer) apply(ctx context.Context, op operation) error {
	row, there, err := r.find(ctx, op.id)
	switch {
	case err != nil:
		return err
	case op.code > opDelete || op.code < opAdd:
		return &operationError{op.seq, op.code}
	case op.code == opDelete:
		return r.remove(ctx, row)
	case op.code == opAdd && there, op.code == opUpdate && !there:
		return nil
	case !there:
		if row, err = r.insert(ctx, op); err != nil {
			return err
		}
	}
	return r.write(ctx, row, op.metadata.String)
}

func (r *replayer) find(ctx context.Context, id string) (row int64, there bool, err error) {
	err = r.QueryRowContext(ctx, `SELECT id FROM embeddings WHERE segment_id = ? AND embedding_id = ?`, r.segment, id).Scan(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return row, err == nil, err
}

func (r *replayer) insert(ctx context.Context, op operation) (int64, error) {
	result, err := r.ExecContext(ctx, `INSERT INTO embeddings (segment_id, embedding_id, seq_id) VALUES (?, ?, ?)`, r.segment, op.id, op.seq)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// tables are those that hold metadata.
func (r *replayer) tables() []string {
	if r.arrays {
		return []string{"embedding_metadata", arrayTable}
	}
	return []string{"embedding_metadata"}
}

func (r *replayer) remove(ctx context.Context, row int64) error {
	for _, table := range r.tables() {
		if err := r.Exec(ctx, `DELETE FROM `+table+` WHERE id = ?`, row); err != nil {
			return err
		}
	}
	return r.Exec(ctx, `DELETE FROM embeddings WHERE id = ?`, row)
}

// write blends metadata into a row: null takes a key away, any other value takes
// its place, in whichever table.
func (r *replayer) write(ctx context.Context, row int64, metadata string) error {
	var members map[string]json.RawMessage
	if metadata != "" {
		if err := json.Unmarshal([]byte(metadata), &members); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	for key, text := range members {
		for _, table := range r.tables() {
			if err := r.Exec(ctx, `DELETE FROM `+table+` WHERE id = ? AND key = ?`, row, key); err != nil {
				return err
			}
		}
		if err := r.put(ctx, row, key, text); err != nil {
			return fmt.Errorf("metadata %q: %w", key, err)
		}
	}
	return nil
}

// put writes one value, or the elements of an array.
func (r *replayer) put(ctx context.Context, row int64, key string, text json.RawMessage) error {
	if text[0] != '[' {
		return r.putIn(ctx, "embedding_metadata", row, key, []json.RawMessage{text})
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(text, &elements); err != nil {
		return err
	}
	if !r.arrays && len(elements) > 0 {
		return errors.New("an array, for which the database has no table")
	}
	return r.putIn(ctx, arrayTable, row, key, elements)
}

func (r *replayer) putIn(ctx context.Context, table string, row int64, key string, texts []json.RawMessage) error {
	columns, values := make([]string, len(texts)), make([]any, len(texts))
	for i, text := range texts {
		var err error
		if columns[i], values[i], err = typed(text); err != nil {
			return err
		}
	}
	if slices.Contains(columns, floatColumn) {
		allFloats(columns, values)
	}
	for i, column := range columns {
		if column == "" {
			continue
		}
		if err := r.Exec(ctx, `INSERT INTO `+table+` (id, key, `+column+`) VALUES (?, ?, ?)`, row, key, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// The columns of numbers.
const (
	intColumn   = "int_value"
	floatColumn = "float_value"
)

// allFloats makes floats of integers: an array holds one type.
func allFloats(columns []string, values []any) {
	for i, value := range values {
		if n, ok := value.(int64); ok {
			columns[i], values[i] = floatColumn, float64(n)
		}
	}
}

// typed returns the column and the value of a JSON scalar, no column for null. A
// number that looks like an integer is one, if it fits 64 bits.
func typed(text json.RawMessage) (column string, value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return "", nil, err
	}
	switch v := value.(type) {
	case nil:
		return "", nil, nil
	case string:
		return "string_value", v, nil
	case bool:
		return "bool_value", v, nil
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			if n, err := v.Int64(); err == nil {
				return intColumn, n, nil
			}
		}
		f, err := v.Float64()
		return floatColumn, f, err
	}
	return "", nil, errors.New("no value that Chroma keeps")
}
