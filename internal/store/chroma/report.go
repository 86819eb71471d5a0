package chroma

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// report says what a commit has done. It changes nothing; what it can't find out
// about the old collection is a finding, for the new one has its place by now.
func (w *swap) report(ctx context.Context, safety iter.Seq2[memory.Record, error]) (store.Committed, error) {
	s, err := w.see(ctx)
	if err != nil {
		return store.Committed{}, err
	}
	done := store.Committed{Findings: slices.Clone(w.findings)}
	for _, n := range s.parked {
		done.Findings = append(done.Findings, w.warning("parked", restartHint,
			"an agent made a collection while the name was free; its %d rows were added, and it is kept as %s", n.j.Rows.rows(), n.Name))
	}
	if s.aside != nil {
		l := w.server.locator(s.aside.Name, s.aside.ID)
		done.Aside = &l
		done.Findings = append(done.Findings, w.lateFindings(ctx, s.aside, safety)...)
	}
	done.Rows, err = w.server.client.count(ctx, w.fresh)
	return done, err
}

func (e *extent) rows() int64 {
	if e == nil {
		return 0
	}
	return e.Rows
}

// lateFindings tells of rows of the old collection that the safety copy lacks.
func (w *swap) lateFindings(ctx context.Context, old *noted, safety iter.Seq2[memory.Record, error]) []memory.Finding {
	if safety == nil {
		return nil
	}
	late, err := w.lateRows(ctx, old.ID, safety)
	switch {
	case err != nil:
		return []memory.Finding{w.warning("late-rows-unknown", "see what is in "+old.Name+" before it is dropped",
			"nobody can say whether rows of %s are in no safety bundle: %v", old.Name, err)}
	case late > 0:
		return []memory.Finding{w.warning("late-rows", restartHint,
			"%d rows of %s are not in the safety bundle: they were written meanwhile, and are there only", late, old.Name)}
	}
	return nil
}

// lateRows counts the rows of a collection that the safety copy does not hold.
func (w *swap) lateRows(ctx context.Context, id string, safety iter.Seq2[memory.Record, error]) (int64, error) {
	held := rows.NewIDs(0, 0)
	var scanner record.Scanner
	var key []byte
	for rec, err := range safety {
		if err == nil {
			key, err = rows.AppendID(key[:0], rec, &scanner)
		}
		if err == nil {
			_, _, err = held.Add(key)
		}
		if err != nil {
			return 0, err
		}
	}
	var late int64
	_, err := w.server.client.list(ctx, id,
		func(int64, int64) { late = 0 },
		func(id []byte) error {
			if held.Find(id) < 0 {
				late++
			}
			return nil
		})
	return late, err
}

// warning is a finding that the operator must know of.
func (w *swap) warning(code, hint, format string, args ...any) memory.Finding {
	return memory.Finding{
		Level: memory.Warning, Code: code, Section: w.spec.Name, Message: fmt.Sprintf(format, args...), Hint: hint,
	}
}
