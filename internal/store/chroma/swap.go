package chroma

import (
	"context"
	"fmt"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// swap puts one collection in the place of another, by their names. Nothing that
// lives is touched before Commit. It can be gone on with from any point: each step
// looks first, by id, at what is there.
type swap struct {
	server  *Server
	spec    memory.SectionSpec
	opts    store.StageOptions
	name    string         // of the section's collection
	locator memory.Locator // of the survey
	can     abilities
	records *replay       // nil for a collection that comes back
	fresh   string        // id of the collection that takes the place
	rows    *rows.Filling // what is known of its rows, nil when nothing is

	moved bool // it has the name already: an earlier run checked it
	over  bool // all is done
	ready bool // Check has passed

	findings []memory.Finding
}

// newSwap looks at what is there, as a survey does, and refuses when another plan
// has not ended.
func (s *Server) newSwap(ctx context.Context, spec memory.SectionSpec, opts store.StageOptions) (*swap, roster, error) {
	w := &swap{server: s, spec: spec, opts: opts}
	if !isPlan(opts.Plan) || opts.Operation == "" {
		return w, nil, fmt.Errorf("plan %q, operation %q: a plan is letters, digits and -, and both are required", opts.Plan, opts.Operation)
	}
	var err error
	if w.name, w.can, err = s.reachFor(ctx, spec.Name); err != nil {
		return w, nil, err
	}
	all, err := s.client.roster(ctx)
	if err != nil {
		return w, nil, err
	}
	w.locator = s.locator(w.name, "")
	if at := all.named(w.name); at != nil {
		w.locator = s.locator(w.name, at.ID)
	}
	if plan := all.unfinished(w.name); plan != "" && plan != opts.Plan {
		return w, nil, unfinishedError(plan)
	}
	return w, all, nil
}

// isPlan reports whether text is letters, digits and "-", and not nothing.
func isPlan(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// end returns what a call has come to, with all connections let go of.
func (w *swap) end(verb string, err error) error {
	w.server.client.close()
	return w.server.explain(verb, w.spec.Name, err, nil)
}

// Close lets go of connections. The shadow stays: the same plan finds it again.
func (w *swap) Close() error {
	w.server.client.close()
	w.rows = nil
	return nil
}

var (
	_ store.Keeper = (*Server)(nil)
	_ store.Staged = (*swap)(nil)
)
