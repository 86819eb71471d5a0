package flat

import (
	"context"
	"iter"
	"os"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// prove reads the file again, by its name, and looks for every record in it.
func (m *merger) prove(ctx context.Context, records iter.Seq2[memory.Record, error]) error {
	file, err := os.Open(m.path)
	if err != nil {
		return m.failed("read back", err)
	}
	defer file.Close()
	now, err := indexFile(ctx, file, m.keyed, false)
	if err != nil {
		return m.failed("read back", err)
	}
	m.result.After = now.rows
	return m.each(ctx, records, false, func(rec memory.Record) error { return m.judge(now, rec) })
}

// judge counts a record as what it turned out to be. A line that isn't there
// could have been removed by its owner; a file doesn't tell, so it is missing.
func (m *merger) judge(now *index, rec memory.Record) error {
	m.judged++
	id := now.identify(rec)
	switch {
	case now.has(id), m.opts.Proof == store.ProofIDs && now.hasKey(id):
		m.result.Same++
		return nil
	case now.hasKey(id):
		m.unkept()
		m.result.Differs++
		return m.report(store.Differs, rec, "the live line of its key was kept")
	}
	m.unkept()
	m.result.Missing++
	return m.report(store.Missing, rec, "the line is not in the file")
}

// unkept counts the record that is judged where it was put in.
func (m *merger) unkept() {
	if m.result.Created || m.mine.Has(m.judged) {
		m.result.Unkept++
	}
}
