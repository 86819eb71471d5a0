package store

// Intended is a row that is about to be added. It is known by the same id and digest
// as in the Event that says that it was. All of it is valid during the call.
type Intended struct {
	ID     []byte
	Digest [32]byte
	// Had is how many equal rows lived before: of lines, where one may come more
	// than once, and else 0.
	Had int64
}

// Intents gathers the rows of a batch for MergeOptions.Intend. Its buffers are used
// again, so that a row costs no allocation. The zero value is empty.
type Intents struct {
	rows []Intended
	ids  []byte
	ends []int
}

// Add takes in a row; id is copied.
func (b *Intents) Add(id []byte, digest [32]byte, had int64) {
	b.ids = append(b.ids, id...)
	b.ends = append(b.ends, len(b.ids))
	b.rows = append(b.rows, Intended{Digest: digest, Had: had})
}

// Rows returns the rows in their order, valid until the next Add or Reset.
func (b *Intents) Rows() []Intended {
	start := 0
	for n, end := range b.ends {
		b.rows[n].ID = b.ids[start:end:end]
		start = end
	}
	return b.rows
}

// Tell tells intend of the rows, where there are any and somebody listens.
func (b *Intents) Tell(intend func([]Intended) error) error {
	if intend == nil || len(b.rows) == 0 {
		return nil
	}
	return intend(b.Rows())
}

// Reset empties it.
func (b *Intents) Reset() { b.rows, b.ids, b.ends = b.rows[:0], b.ids[:0], b.ends[:0] }
