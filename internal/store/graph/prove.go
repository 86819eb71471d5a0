package graph

import (
	"context"
	"database/sql"
	"fmt"

	"keepsake/internal/record"
	"keepsake/internal/store"
)

// prove reads every staged row back from the graph and compares the two digests:
// that of the record when it came, and that of the row that is there now.
func (m *merger) prove(ctx context.Context, s *stage) error {
	rows, err := m.conn.QueryContext(ctx, m.selectProof(s))
	if err != nil {
		return explain("read back", m.path, store.ErrUnreadable, err)
	}
	defer rows.Close()
	p := prover{merger: m, s: s}
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.scan(rows); err != nil {
			return explain("read back", m.path, store.ErrUnreadable, err)
		}
		if err := p.judge(); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return explain("read back", m.path, store.ErrUnreadable, err)
	}
	m.progress("proof", p.told)
	return nil
}

func (m *merger) selectProof(s *stage) string {
	user := "NULL"
	if m.tables.hasUser(s.edge) {
		user = "there.user_id"
	}
	ends := ""
	if s.edge {
		ends = ", there.source, there.target, there.type"
	}
	return fmt.Sprintf(`SELECT staged.seq, staged.id, coalesce(staged.proof, staged.digest),
		there.id, %s, there.data%s
		FROM main.%s AS staged LEFT JOIN %s AS there ON there.id = staged.id ORDER BY staged.seq`,
		user, ends, s.table(), s.live())
}

// prover judges one row after the other.
type prover struct {
	*merger
	s      *stage
	n      int64
	id     sql.RawBytes
	digest sql.RawBytes
	there  dbRow // without an id when the row is not there
	told   int64 // rows since the last progress
}

func (p *prover) scan(rows *sql.Rows) error {
	if p.s.edge {
		return rows.Scan(&p.n, &p.id, &p.digest, &p.there.id, &p.there.user, &p.there.data,
			&p.there.source, &p.there.target, &p.there.typ)
	}
	return rows.Scan(&p.n, &p.id, &p.digest, &p.there.id, &p.there.user, &p.there.data)
}

// judge counts a row as what it turned out to be.
func (p *prover) judge() error {
	if p.told++; p.told == chunkRows {
		p.progress("proof", p.told)
		p.told = 0
	}
	switch {
	case p.s.rejected.has(p.n):
		return nil
	case p.there.id == nil:
		p.result.Removed++
		return p.report(store.Event{Outcome: store.Removed, ID: string(p.id),
			Reason: "it was in the graph, and was deleted while the merge ran"})
	case p.opts.Proof == store.ProofIDs || p.same():
		p.result.Same++
		return nil
	}
	p.result.Differs++
	return p.report(store.Event{Outcome: store.Differs, ID: string(p.id), Reason: p.reason()})
}

func (p *prover) reason() string {
	if p.s.added.has(p.n) {
		return "it was put in, and was changed while the merge ran; the live row was kept"
	}
	return "the live row was kept"
}

// same reports whether the row that is there has the digest of the record. One
// that no record can hold has not.
func (p *prover) same() bool {
	line, err := p.there.appendTo(p.line[:0], &p.scanner, p.s.edge, p.tables.hasUser(p.s.edge))
	if err != nil {
		return false
	}
	p.line = line
	return p.scanner.LineDigest(line) == record.Digest(p.digest)
}
