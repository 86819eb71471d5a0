package chromadir

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// The operations of the queue (Chroma's sqlite_log.rs).
const (
	opAdd = iota
	opUpdate
	opUpsert
	opDelete
)

// A server's log of a collection is the rows of the queue whose topic ends with
// its id ("persistent://default/default/<id>").
const (
	ofTopic  = ` FROM embeddings_queue WHERE substr(topic, -length(?1)) = ?1 AND seq_id > ?2 ORDER BY seq_id`
	opsQuery = `SELECT seq_id, operation, id, length(vector)` + ofTopic
)

// positions are the log positions up to which the parts of a collection are.
type positions struct {
	vectors  int64 // what the index has saved
	metadocs int64 // what the tables hold
}

func (d *database) positions(ctx context.Context, c *collection) (p positions, err error) {
	for segment, position := range map[string]*int64{c.vectors: &p.vectors, c.metadocs: &p.metadocs} {
		err := d.QueryRowContext(ctx, `SELECT seq_id FROM max_seq_id WHERE segment_id = ?`, segment).Scan(position)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return p, fmt.Errorf("read log position of segment %s: %w", segment, err)
		}
	}
	return p, nil
}

// queued are the vectors that the queue has, by id: where they are, so that only
// those that are wanted are read.
type queued map[string]queuedRow

type queuedRow struct {
	// newer is the position of the vector that goes before the index's, 0 for
	// none; gone says that the row was deleted since.
	newer int64
	gone  bool
	// older is the position of a vector that the index has already, perhaps less
	// exactly; 0 for none. It is unsure when it came with an add: that did
	// nothing if the row was there, which the queue may not tell any more.
	older  int64
	unsure bool
}

// loadQueue replays the queue over an index that is as it was at position. With an
// error that is an *operationError, all others are replayed.
func (d *database) loadQueue(ctx context.Context, c *collection, position int64, has func(id string) bool) (queued, error) {
	q := queued{}
	rows, err := d.query(ctx, opsQuery, c.id, 0)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var unknown error
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var seq, operation int64
		var id string
		var size sql.NullInt64
		if err := rows.Scan(&seq, &operation, &id, &size); err != nil {
			return nil, err
		}
		if operation < opAdd || operation > opDelete {
			unknown = &operationError{seq, operation}
			continue
		}
		row, known := q[id]
		if seq <= position {
			row.saved(seq, operation, size.Valid)
		} else {
			there := row.newer > 0 || !row.gone && has(id)
			row.unsaved(seq, operation, size.Valid, there)
		}
		if known || row != (queuedRow{}) {
			q[id] = row
		}
	}
	return q, errors.Join(rows.Err(), unknown)
}

// operationError is of an operation that no server writes.
type operationError struct{ seq, code int64 }

// Error names it and its place.
func (e *operationError) Error() string {
	return fmt.Sprintf("operation %d of the queue is of an unknown kind, %d", e.seq, e.code)
}

// saved notes an operation that the index has seen.
func (r *queuedRow) saved(seq, operation int64, vector bool) {
	switch {
	case operation == opDelete:
		r.older = 0
	case operation == opAdd && r.older > 0: // it was there: nothing happened
	case vector:
		r.older, r.unsure = seq, operation == opAdd
	}
}

// unsaved notes an operation that the index has not seen. An add of what is
// there, and an update of what isn't, do nothing.
func (r *queuedRow) unsaved(seq, operation int64, vector, there bool) {
	switch {
	case operation == opDelete:
		r.newer, r.gone, r.older = 0, true, 0
	case !vector, operation == opAdd && there, operation == opUpdate && !there:
	default:
		r.newer = seq
	}
}

// vectorAt reads a vector of the queue: little-endian float32, of that many
// numbers.
func (d *database) vectorAt(ctx context.Context, seq int64, dimension int) ([]byte, error) {
	var bits []byte
	rows, err := d.again(ctx, `SELECT vector, encoding FROM embeddings_queue WHERE seq_id = ?`, seq)
	if err != nil {
		return nil, fmt.Errorf("read vector %d of the queue: %w", seq, err)
	}
	defer rows.Close()
	for rows.Next() {
		var encoding sql.NullString
		if err = rows.Scan(&bits, &encoding); err == nil {
			err = checkQueued(bits, encoding.String, dimension)
		}
	}
	if err = errors.Join(err, rows.Err()); err == nil && bits == nil {
		err = errors.New("it is not there")
	}
	if err != nil {
		return nil, fmt.Errorf("read vector %d of the queue: %w", seq, err)
	}
	return bits, nil
}

func checkQueued(bits []byte, encoding string, dimension int) error {
	switch {
	case encoding != "FLOAT32":
		return fmt.Errorf("its encoding is %q", encoding)
	case len(bits)%4 != 0 || len(bits)/4 != dimension:
		return fmt.Errorf("it has %d bytes, not %d numbers", len(bits), dimension)
	}
	return nil
}
