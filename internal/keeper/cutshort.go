package keeper

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"keepsake/internal/lock"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
	"keepsake/internal/restore"
)

// cutShort says what a merge that was killed has left.
func cutShort(r *restore.Receipt) string {
	return fmt.Sprintf("the merge of %s that began %s was cut short and left no receipt: %s",
		r.Bundle, r.StartedAt.UTC().Format(time.RFC3339), doubt(r))
}

// doubt says which rows of an interrupted merge are in.
func doubt(r *restore.Receipt) string {
	certain, maybe := r.Doubt()
	in := "no row is certainly in"
	if certain > 0 {
		in = quantity.Plural(certain, "row") + " " + isOrAre(certain) + " certainly in"
	}
	if maybe == 0 {
		return in + ", and no other may be"
	}
	return fmt.Sprintf("%s, up to %s more may be", in, quantity.Count(maybe))
}

func isOrAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// tellCutShort says which merges were killed, before another restore. One that is at
// work now was not.
func (m *Memory) tellCutShort(ctx context.Context) {
	for _, r := range m.cutShort(ctx) {
		m.tell(memory.Finding{Level: memory.Warning, Message: cutShort(r), Hint: m.opts.Hint.Of("cut-short", filepath.Base(r.Dir))})
	}
}

// cutShort lists the merges that were killed and have been left like that.
func (m *Memory) cutShort(ctx context.Context) []*restore.Receipt {
	found := restore.FindCutShort(m.restores())
	if len(found) == 0 || m.works(ctx) {
		return nil
	}
	return found
}

// works reports whether another process may be writing to the memory.
func (m *Memory) works(ctx context.Context) bool {
	path := filepath.Join(m.ownDir(), targetLock)
	if m.holds(path) {
		return false
	}
	return lock.Look(ctx, lock.Options{Path: path, Mode: lock.Exclusive, Me: m.opts.Me, Alive: m.opts.Alive, Now: m.opts.Now}) != nil
}
