package chroma

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"keepsake/internal/store/rows"
)

// extent is how far a collection reached at a moment. Ids are listed in the order
// in which they came, so what was there at that moment ends with its last ids, as
// far as they are still there.
type extent struct {
	Rows int64 `json:"rows"`
	// Last has the digests of the last ids, the oldest first.
	Last []string `json:"last,omitempty"`
}

// extentIDs is how many ids an extent keeps: so many may be deleted before nothing
// can be said any more.
const extentIDs = 16

func shortDigest(id []byte) string {
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:8])
}

// extent lists a collection's ids and returns how far it reaches now.
func (c *client) extent(ctx context.Context, id string) (*extent, error) {
	var last [extentIDs][]byte
	var n int
	_, err := c.list(ctx, id,
		func(int64, int64) { n = 0 },
		func(id []byte) error {
			last[n%extentIDs] = append(last[n%extentIDs][:0], id...)
			n++
			return nil
		})
	e := &extent{Rows: int64(n)}
	for i := max(0, n-extentIDs); i < n; i++ {
		e.Last = append(e.Last, shortDigest(last[i%extentIDs]))
	}
	return e, err
}

// divider goes through a listing and says which rows came after an extent.
type divider struct {
	position map[string]int // of the last ids, by their digest
	next     int            // position of the last id that is due, -1 before the first was met
	late     bool
	rows     int64
}

func (e *extent) divider() *divider {
	d := &divider{position: map[string]int{}, next: -1, late: e.Rows == 0}
	for i, digest := range e.Last {
		d.position[digest] = i
	}
	return d
}

// after reports whether an id, the next of the listing, came later. A row that was
// deleted and came again moved to the end, and is a later one.
func (d *divider) after(id []byte) bool {
	d.rows++
	if d.late {
		return true
	}
	switch at, ok := d.position[shortDigest(id)]; {
	case ok && at >= d.next:
		d.next = at + 1
	case d.next >= 0:
		d.late = true
	}
	return d.late
}

// told reports, after a listing, whether all that it met could be told apart.
func (d *divider) told() bool { return d.late || d.next >= 0 || d.rows == 0 }

// later lists a collection's ids and returns those that came after the extent.
// told is false when so much was deleted that nobody can say; then there are none.
func (c *client) later(ctx context.Context, id string, e *extent) (ids *rows.IDs, told bool, err error) {
	if e == nil {
		return rows.NewIDs(0, 0), false, nil
	}
	var d *divider
	_, err = c.list(ctx, id,
		func(int64, int64) { ids, d = rows.NewIDs(0, 0), e.divider() },
		func(id []byte) error {
			if !d.after(id) {
				return nil
			}
			return ids.AddOnce(id)
		})
	if err != nil {
		return nil, false, err
	}
	return ids, d.told(), nil
}
